"""Finds what a retrieval asks for: rows by address, within what the scope shows and the viewer may see."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from itertools import starmap
from types import MappingProxyType
from typing import Any, Literal, NamedTuple, Protocol, TypeVar

from sqlalchemy import Connection, Integer, Row, Select, bindparam, func, select

from app.dicom.description import BulkData
from app.dicom.frames import FrameIndex
from app.dicom.resource import Resource
from app.dicom.transfer_syntaxes import TRANSFER_SYNTAXES
from app.index.scope import Scope, parameters, series_conditions, shape
from app.index.stored_form import decode_bulkdata, decode_json
from app.index.tables import INSTANCE, SERIES
from app.viewer import Viewer

#: The large columns of an instance, read only when named.
Part = Literal["dicom_json", "bulkdata", "frame_index"]
_NO_PARTS: Mapping[Part, bytes | None] = MappingProxyType({})


class Addressed(Protocol):
    """A row of an instance, and its address."""

    @property
    def row(self) -> int: ...
    @property
    def study(self) -> str: ...
    @property
    def series(self) -> str: ...
    @property
    def instance(self) -> str: ...


A = TypeVar("A", bound=Addressed)


class Located(NamedTuple):
    """One stored instance: its address, where its bytes lie, and those large columns that were asked for.

    A tuple, because a study has thousands of them: an object would take five times as long to make.
    """

    row: int
    access_unit: int
    study: str
    series: str
    instance: str
    sop_class_uid: str
    transfer_syntax_uid: str
    object_key: str
    size: int
    sha256: bytes
    crc32: int
    parts: Mapping[Part, bytes | None] = _NO_PARTS

    @property
    def resource(self) -> Resource:
        """Its address."""
        return Resource(self.study, self.series, self.instance)

    @property
    def path(self) -> str:
        """Its address below a DICOMweb root."""
        return f"studies/{self.study}/series/{self.series}/instances/{self.instance}"

    @property
    def json(self) -> bytes:
        """Its DICOM JSON, an object in UTF-8; `@` in a BulkDataURI stands for the instance's absolute URL."""
        return decode_json(self.parts["dicom_json"] or b"")

    @property
    def bulkdata(self) -> BulkData:
        """Where its bulk data lie: element path to (offset, length)."""
        return decode_bulkdata(self.parts["bulkdata"])

    @property
    def frames(self) -> FrameIndex | None:
        """Where its frames lie, if it has any that can be told apart."""
        form = self.parts["frame_index"]
        return FrameIndex.decode(form) if form else None


def instance(
    connection: Connection, scope: Scope, viewer: Viewer, resource: Resource, *parts: Part
) -> Located | None:
    """The instance at this address, in one statement; None when there is none or the viewer may not see it.

    Study, series and instance must all be right. Where several collections hold it, the earliest row answers.
    """
    values = {**parameters(scope, viewer), **_address(resource)}
    rows = connection.execute(_instance(shape(scope, viewer), parts), values).all()
    return next(_located(rows, parts), None)


def instances(
    connection: Connection, scope: Scope, viewer: Viewer, resource: Resource, *parts: Part
) -> list[Located]:
    """The instances of a study, series or instance, in one statement; empty when there is nothing to be seen.

    In the order of SeriesNumber, series UID, InstanceNumber and SOP Instance UID, rows without a number last.
    Where several collections hold an instance at one address, the earliest row answers.
    """
    values = {**parameters(scope, viewer), **_address(resource)}
    rows = connection.execute(_instances(shape(scope, viewer), _depth(resource), parts), values).all()
    return answering(list(_located(rows, parts)))


def of_series(connection: Connection, series: int) -> list[Located]:
    """The instances of a series row, in the order in which `instances` gives them, whoever may see them."""
    rows: Select[Any] = select(*FACTS).join_from(INSTANCE, SERIES, SERIES.c.id == INSTANCE.c.series_row)
    found = connection.execute(rows.where(SERIES.c.id == series).order_by(*_ORDER))
    return list(_located(found.all(), ()))


def answering(found: list[A]) -> list[A]:
    """Of those at one address the earliest."""
    if len({each.instance for each in found}) == len(found):
        return found
    earliest: dict[tuple[str, str, str], int] = {}
    for each in found:
        address = each.study, each.series, each.instance
        earliest[address] = min(each.row, earliest.get(address, each.row))
    chosen = set(earliest.values())
    return [each for each in found if each.row in chosen]


def access_unit(connection: Connection, scope: Scope, viewer: Viewer, resource: Resource) -> int | None:
    """The access unit of the first series row at an address that the viewer sees; None without any.

    Of the whole address: a series that has not the instance named is no answer.
    """
    values = {**parameters(scope, viewer), **_address(resource)}
    row = connection.execute(_unit(shape(scope, viewer), _depth(resource)), values).first()
    return row[0] if row else None


def middle(connection: Connection, scope: Scope, viewer: Viewer, resource: Resource) -> Resource | None:
    """The instance in the middle of those at an address whose frames can be drawn; None without any."""
    seen, depth = shape(scope, viewer), _depth(resource)
    values = {**parameters(scope, viewer), **_address(resource)}
    count = connection.execute(_drawable_count(seen, depth), values).scalar_one()
    row = connection.execute(_drawable(seen, depth), {**values, "place": count // 2}).first()
    return Resource(*row) if row else None


def descriptions(connection: Connection, rows: Sequence[int]) -> dict[int, bytes]:
    """The DICOM JSON (see `Located.json`) of instances that were located before, by row."""
    found = connection.execute(_DESCRIPTIONS, {"rows": rows})
    return {row.id: decode_json(row.dicom_json) for row in found}


_DESCRIPTIONS = select(INSTANCE.c.id, INSTANCE.c.dicom_json).where(
    INSTANCE.c.id.in_(bindparam("rows", expanding=True))
)
#: The columns of `Located`, in its order.
FACTS = (
    INSTANCE.c.id,
    SERIES.c.access_unit_id,
    SERIES.c.study_instance_uid,
    SERIES.c.series_instance_uid,
    INSTANCE.c.sop_instance_uid,
    INSTANCE.c.sop_class_uid,
    INSTANCE.c.transfer_syntax_uid,
    INSTANCE.c.object_key,
    INSTANCE.c.size,
    INSTANCE.c.sha256,
    INSTANCE.c.crc32,
)
#: The address's columns and parameters, from the top.
_PATH = (
    SERIES.c.study_instance_uid == bindparam("study"),
    SERIES.c.series_instance_uid == bindparam("series"),
    INSTANCE.c.sop_instance_uid == bindparam("instance"),
)
_ORDER = (
    SERIES.c.series_number.nulls_last(),
    SERIES.c.series_instance_uid,
    INSTANCE.c.instance_number.nulls_last(),
    INSTANCE.c.sop_instance_uid,
    INSTANCE.c.id,
)
#: The transfer syntaxes whose frames can be decoded here.
_DRAWABLE = tuple(syntax.uid for syntax in TRANSFER_SYNTAXES if syntax.decodable)


@cache
def _instance(seen: tuple[Scope, Viewer], parts: tuple[Part, ...]) -> Select[Any]:
    return _visible(seen, parts).where(*_PATH).order_by(INSTANCE.c.id).limit(1)


@cache
def _instances(seen: tuple[Scope, Viewer], depth: int, parts: tuple[Part, ...]) -> Select[Any]:
    return _visible(seen, parts).where(*_PATH[:depth]).order_by(*_ORDER)


@cache
def _unit(seen: tuple[Scope, Viewer], depth: int) -> Select[Any]:
    found = select(SERIES.c.access_unit_id).where(*series_conditions(*seen), *_PATH[:depth])
    if depth == len(_PATH):
        found = found.join_from(SERIES, INSTANCE, SERIES.c.id == INSTANCE.c.series_row)
    return found.order_by(SERIES.c.id).limit(1)


@cache
def _drawable_count(seen: tuple[Scope, Viewer], depth: int) -> Select[Any]:
    return _among_drawable(select(func.count()), seen, depth)


@cache
def _drawable(seen: tuple[Scope, Viewer], depth: int) -> Select[Any]:
    address = SERIES.c.study_instance_uid, SERIES.c.series_instance_uid, INSTANCE.c.sop_instance_uid
    found = _among_drawable(select(*address), seen, depth)
    return found.order_by(*_ORDER).limit(1).offset(bindparam("place", type_=Integer))


def _among_drawable(wanted: Select[Any], seen: tuple[Scope, Viewer], depth: int) -> Select[Any]:
    return (
        wanted.select_from(INSTANCE)
        .join(SERIES, SERIES.c.id == INSTANCE.c.series_row)
        .where(
            *series_conditions(*seen),
            *_PATH[:depth],
            INSTANCE.c.frame_index.is_not(None),
            INSTANCE.c.transfer_syntax_uid.in_(_DRAWABLE),
        )
    )


def _visible(seen: tuple[Scope, Viewer], parts: tuple[Part, ...]) -> Select[Any]:
    return (
        select(*FACTS, *(INSTANCE.c[part] for part in parts))
        .join_from(INSTANCE, SERIES, SERIES.c.id == INSTANCE.c.series_row)
        .where(*series_conditions(*seen))
    )


def _depth(resource: Resource) -> int:
    return sum(part is not None for part in (resource.study, resource.series, resource.instance))


def _address(resource: Resource) -> dict[str, str | None]:
    return {
        "study": plain(resource.study),
        "series": plain(resource.series),
        "instance": plain(resource.instance),
    }


def plain(uid: str | None) -> str | None:
    """A UID as both databases take it: what no text of theirs can hold becomes `?`, which no UID holds."""
    return uid and uid.encode(errors="replace").decode().replace("\0", "?")


def _located(rows: Iterable[Row[Any]], parts: tuple[Part, ...]) -> Iterator[Located]:
    # By place, as `FACTS` has them: by name each would cost as much as the whole row does so.
    if not parts:
        return starmap(Located, rows)
    facts = len(FACTS)
    return (Located._make((*row[:facts], dict(zip(parts, row[facts:], strict=True)))) for row in rows)
