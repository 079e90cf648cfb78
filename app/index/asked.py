"""What of a query its statements depend on, without its values: equal ones share their statements."""

from dataclasses import dataclass
from typing import Any, Literal

from app.dicom.attributes import Attribute
from app.index.comparisons import Comparison, comparison, is_pattern, is_telling, lifted
from app.query.ast import Carrying, Condition, Level, Query, Universal
from app.query.conditions import attributes as constrained
from app.query.returned import sources
from app.query.searchable import MODALITIES_IN_STUDY

#: From so many results on.
DEEP = 1_000

#: Keys that few rows share: the ones to match first.
_UNIQUE = frozenset(("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"))


@dataclass(frozen=True, slots=True)
class Limit:
    """A condition on an attribute that has a column: names stand for its values."""

    attribute: Attribute
    comparison: Comparison
    #: Whether the values tell enough for any index to lead to what fulfils it.
    telling: bool = True

    @property
    def is_pattern(self) -> bool:
        """Whether a pattern is compared: how many rows match it, nobody knows beforehand."""
        return is_pattern(self.comparison)


@dataclass(frozen=True, slots=True)
class Asked:
    """A search of `level` below an address of which the parts of `address` are given.

    `sources` are the levels whose kept attributes are returned; `any_row` is for searches whose conditions
    look at no row, so that which of several rows answers for an address is all one; `tagged` for those that
    ask the tag index besides, by conditions that are made anew each time.
    """

    level: Level
    address: tuple[str, ...]
    limits: tuple[Limit, ...]
    sources: frozenset[Level]
    any_row: bool
    tagged: bool
    #: Whether so few series have the modality asked for that their studies are best listed.
    rare: bool = False
    #: Whether the page is so far down that the rows before it are best not looked at.
    deep: bool = False
    #: Whether the rows say where they stand in the order (`app.index.order`), so that others can follow them.
    placed: bool = False
    #: Where to begin, if not at an offset: behind a row, and of what is there perhaps only with what sorts
    #: like it, or after that.
    behind: Literal["", "row", "alike", "beyond"] = ""
    #: Whether the rows of studies were looked up beforehand: the parameter `found` has them.
    found: bool = False
    #: The condition that so many studies fulfil that a page of the newest is soon full.
    walked: Limit | None = None
    #: How these are walked: all of them, the nearest alone, or those that were all listed in one pass.
    reach: Literal["", "near", "listed"] = ""

    @property
    def modality(self) -> Limit | None:
        """The condition that some series of a study has a modality."""
        return next((each for each in self.limits if each.attribute.keyword == MODALITIES_IN_STUDY), None)


def asked(query: Query) -> tuple[Asked, dict[str, Any]]:
    """The query's form, and its values by the names of the statement's parameters."""
    resource = query.resource
    parts = {"study": resource.study, "series": resource.series, "instance": resource.instance}
    address = {name: uid for name, uid in parts.items() if uid is not None}
    limiting = sorted(
        (found for found in query.conditions if not isinstance(found, Universal | Carrying)),
        key=lambda found: constrained(found)[0].keyword not in _UNIQUE,
    )
    values: dict[str, Any] = {}
    limits = [_limit(found, values) for found in limiting]
    by_row = [found for found in limits if found.attribute.keyword != MODALITIES_IN_STUDY]
    tagged = any(isinstance(found, Carrying) for found in query.conditions)
    deep = query.level == Level.STUDY and query.offset >= DEEP
    form = Asked(
        query.level,
        tuple(address),
        tuple(limits),
        sources(query),
        not (by_row or tagged),
        tagged,
        deep=deep,
        placed=deep,
    )
    return form, {**address, **values, **_page(query)}


def _limit(condition: Condition, values: dict[str, Any]) -> Limit:
    made = lifted(comparison(condition), values)
    return Limit(constrained(condition)[0], made, is_telling(made, values))


def _page(query: Query) -> dict[str, int]:
    """Of one row more than the page it is known whether more follow."""
    return {"rows": query.limit + 1, "offset": query.offset, "after": query.offset + query.limit}
