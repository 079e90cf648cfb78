"""Which part of the archive a DICOMweb root shows, and what of it a viewer may see: the one visibility rule.

No statement reads studies, series or instances for a caller without the conditions of this file: no count, no
facet, no export. What they leave out does not exist for that caller.
"""

from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import BindParameter, ColumnElement, FromClause, Select, and_, bindparam, false, or_, select

from app.index.tables import CART_SERIES, SERIES, STUDY, listed, named, one_of, row_by_row
from app.models.types import Key
from app.viewer import Viewer


@dataclass(frozen=True, slots=True)
class Scope:
    """A set of series revisions at a moment (design section 3).

    `collection` None is the whole archive; otherwise the id of one collection, its latest version or, where
    `version` has a number, as it was then. `cart` is the id of one, of which it shows the revisions that it
    names. `submission` is the id of one, of which it shows the drafts and, of what is published in `context`
    (access units), the other series of their studies. `alone` says that all of it lies in
    one access unit: then every study, series and instance has but one row in it. `beside` are collections of
    which it shows what lies in its own collection's studies, `without` such as it leaves out: analysis
    results.
    """

    collection: int | None = None
    submission: int | None = None
    context: frozenset[int] = frozenset()
    version: int | None = None
    cart: int | None = None
    alone: bool = False
    beside: frozenset[int] = frozenset()
    without: frozenset[int] = frozenset()

    @property
    def past(self) -> bool:
        """Whether it shows revisions that need not be live."""
        return self.version is not None or self.cart is not None


ARCHIVE = Scope()

_COLLECTION, _SUBMISSION = "scope_collection", "scope_submission"
_VERSION, _CART = "scope_version", "scope_cart"
_CONTEXT = "scope_context"
_BESIDE, _WITHOUT = "scope_beside", "scope_without"
_UNITS, _STUDIES = "scope_units", "scope_studies"


def series_conditions(scope: Scope, viewer: Viewer, series: FromClause = SERIES) -> list[ColumnElement[bool]]:
    """What a row of `series` (the table, or an alias of it) must fulfil for this viewer to see it.

    A viewer who sees all is asked nothing about access units; one who holds none sees nothing.
    """
    return [*_within(scope, viewer, series), *seen(viewer, series)]


def seen(viewer: Viewer, series: FromClause) -> list[ColumnElement[bool]]:
    """What a row with an access unit and a study must fulfil for the viewer to see it, whatever the scope."""
    conditions: list[ColumnElement[bool]] = []
    if viewer.sees_all:
        return conditions
    if not viewer.units:
        return [false()]
    units: BindParameter[str] = bindparam(_UNITS, listed(sorted(viewer.units)))
    conditions.append(row_by_row(one_of(series.c.access_unit_id, units)))
    if viewer.studies is not None:
        studies: BindParameter[str] = bindparam(_STUDIES, listed(sorted(viewer.studies)))
        conditions.append(one_of(series.c.study_instance_uid, studies))
    return conditions


def study_conditions(scope: Scope, viewer: Viewer, study: FromClause = STUDY) -> list[ColumnElement[bool]]:
    """What a row of `study` (the table, or an alias of it) must fulfil: this viewer sees some series of it.

    The same as a series: a study's row has an access unit, and while it is live one of its series is. What
    was in a version, or is in a cart, the series alone say.
    """
    if scope.context:
        # The draft tells of the study, and its row alone.
        return series_conditions(replace(scope, context=frozenset()), viewer, study)
    if not scope.past:
        return series_conditions(scope, viewer, study)
    its = named(SERIES, "shown_series")
    rows = select(its.c.study_row).where(*series_conditions(scope, viewer, its))
    if scope.cart is not None:
        return [study.c.id.in_(rows)]
    own = study.c.collection_id == bindparam(_COLLECTION, scope.collection)
    return [own, rows.where(its.c.study_row == study.c.id).correlate(study).exists()]


def cell_conditions(scope: Scope, viewer: Viewer, cells: FromClause) -> list[ColumnElement[bool]]:
    """What a row of a roll-up must fulfil: what it counts lies in the scope, and this viewer sees it.

    Roll-ups count what is live, and each row in its access unit: `rollups.kept` says for whom that will do.
    """
    conditions = seen(viewer, cells)
    if scope.without:
        conditions.append(_not_without(scope, cells))
    if scope.collection is not None:
        conditions.append(cells.c.collection_id == bindparam(_COLLECTION, scope.collection))
    return conditions


def shape(scope: Scope, viewer: Viewer) -> tuple[Scope, Viewer]:
    """A scope and viewer with the values taken out: where two shapes are equal, so are the conditions' texts.

    A statement built from a shape may be kept, and executed with `parameters` of any scope and viewer of it.
    """
    collection = None if scope.collection is None else 0
    submission, version, cart = (
        None if each is None else 0 for each in (scope.submission, scope.version, scope.cart)
    )
    units = frozenset({0} if viewer.units else ())
    studies = None if viewer.studies is None else frozenset[str]()
    context, beside, without = (
        frozenset({0} if each else ()) for each in (scope.context, scope.beside, scope.without)
    )
    kept = Scope(collection, submission, context, version, cart, scope.alone, beside, without)
    return kept, Viewer("", viewer.sees_all, units, studies)


def parameters(scope: Scope, viewer: Viewer) -> dict[str, Any]:
    """The values that belong into the conditions."""
    return {
        _COLLECTION: scope.collection,
        _SUBMISSION: scope.submission,
        _CONTEXT: listed(sorted(scope.context)),
        _VERSION: scope.version,
        _CART: scope.cart,
        _BESIDE: listed(sorted(scope.beside)),
        _WITHOUT: listed(sorted(scope.without)),
        _UNITS: listed(sorted(viewer.units)),
        _STUDIES: listed(sorted(viewer.studies or ())),
    }


def _within(scope: Scope, viewer: Viewer, rows: FromClause) -> list[ColumnElement[bool]]:
    published = rows.c.added_version.is_not(None), rows.c.removed_version.is_(None)
    if scope.submission is not None:
        drafts = _drafts(scope, rows)
        return [or_(and_(*drafts), and_(*published, *_context(scope, rows)))] if scope.context else drafts
    if scope.cart is not None:
        return [rows.c.id.in_(_in_cart(scope.cart)), rows.c.added_version.is_not(None)]
    if scope.without:
        return [*published, _not_without(scope, rows)]
    if scope.collection is None:
        return [*published]
    own = rows.c.collection_id == bindparam(_COLLECTION, scope.collection)
    if scope.version is not None:
        return [own, *_as_of(scope.version, rows)]
    return [*published, or_(own, _beside(scope, viewer, rows)) if scope.beside else own]


def _not_without(scope: Scope, rows: FromClause) -> ColumnElement[bool]:
    left_out: BindParameter[str] = bindparam(_WITHOUT, listed(sorted(scope.without)))
    return ~one_of(rows.c.collection_id, left_out)


def _drafts(scope: Scope, rows: FromClause) -> list[ColumnElement[bool]]:
    draft = rows.c.added_version.is_(None), rows.c.removed_version.is_(None)
    return [*draft, rows.c.submission_id == bindparam(_SUBMISSION, scope.submission)]


def _context(scope: Scope, rows: FromClause) -> list[ColumnElement[bool]]:
    """In one of the units of the context and in a study of the drafts, and no series that they correct."""
    units: BindParameter[str] = bindparam(_CONTEXT, listed(sorted(scope.context)))
    draft = named(SERIES, "draft_series")
    own, drafts = draft.c["study_instance_uid", "series_instance_uid"], _drafts(scope, draft)
    studies, series = (select(each).where(*drafts) for each in own)
    return [
        one_of(rows.c.access_unit_id, units),
        rows.c.study_instance_uid.in_(studies),
        rows.c.series_instance_uid.not_in(series),
    ]


def _as_of(version: int, rows: FromClause) -> list[ColumnElement[bool]]:
    number: BindParameter[int] = bindparam(_VERSION, version)
    still = or_(rows.c.removed_version.is_(None), rows.c.removed_version > number)
    return [rows.c.added_version <= number, still]


def _in_cart(cart: int) -> Select[Any]:
    return select(CART_SERIES.c.series_row).where(CART_SERIES.c.cart_id == bindparam(_CART, cart, Key))


def _beside(scope: Scope, viewer: Viewer, rows: FromClause) -> ColumnElement[bool]:
    """In one of the collections beside, and in a study of which the viewer sees something in this one."""
    beside: BindParameter[str] = bindparam(_BESIDE, listed(sorted(scope.beside)))
    own = named(STUDY, "own_study")
    shared = select(own.c.id).where(
        own.c.study_instance_uid == rows.c.study_instance_uid,
        *series_conditions(Scope(scope.collection), viewer, own),
    )
    return and_(one_of(rows.c.collection_id, beside), shared.correlate(rows).exists())
