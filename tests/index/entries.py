"""Made-up instances for tests of the index."""

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select

from app.dicom.description import Description
from app.dicom.frames import FrameIndex
from app.dicom.resource import Resource
from app.index import writer
from app.index.tables import (
    ACCESS_UNIT,
    COLLECTION,
    INSTANCE,
    REQUEST_ATTRIBUTES,
    SERIES,
    STUDY,
    SUBMISSION,
    TOMBSTONE,
)
from app.index.writer import Entry, Place
from app.models.types import now
from app.registry.tables import CART, VERSION

CT_IMAGE_STORAGE = "1.2.840.10008.5.1.4.1.1.2"
EXPLICIT_VR_LITTLE_ENDIAN = "1.2.840.10008.1.2.1"


def describe(study: str, series: str, instance: str, **attributes: Any) -> Description:
    """A CT instance; further DICOM JSON elements by key, as `x00100020={"vr": "LO", "Value": ["1"]}`."""
    made = {
        "00080016": {"vr": "UI", "Value": [CT_IMAGE_STORAGE]},
        "00080018": {"vr": "UI", "Value": [instance]},
        "00080060": {"vr": "CS", "Value": ["CT"]},
        "0020000D": {"vr": "UI", "Value": [study]},
        "0020000E": {"vr": "UI", "Value": [series]},
        **{key.removeprefix("x"): element for key, element in attributes.items()},
    }
    frames = FrameIndex.native(1000, 4096, 1)
    bulkdata = {"7FE00010": (1000, 512)}
    address = Resource(study, series, instance)
    return Description(address, CT_IMAGE_STORAGE, EXPLICIT_VR_LITTLE_ENDIAN, made, bulkdata, frames)


def entry(study: str, series: str, instance: str, content: str = "", **attributes: Any) -> Entry:
    """The entry of a made-up instance; what differs in `content` differs in its digest."""
    digest = hashlib.sha256(f"{study} {series} {instance} {content}".encode()).digest()
    return Entry.of(describe(study, series, instance, **attributes), f"key-{instance}", 1512, digest, 7)


def element(vr: str, *values: Any) -> dict[str, Any]:
    """One element of DICOM JSON."""
    return {"vr": vr, "Value": list(values)}


def inbox(connection: Connection) -> int:
    """The id of the collection `inbox`."""
    return int(connection.execute(select(COLLECTION.c.id).where(COLLECTION.c.slug == "inbox")).scalar_one())


def collect(connection: Connection, slug: str, rolling: bool = True, units: int = 1) -> tuple[int, list[int]]:
    """Make a collection; its id and those of its access units."""
    row = {"slug": slug, "title": slug, "rolling": rolling, "latest_version": 0, "created_at": now()}
    made = connection.execute(insert(COLLECTION).values(row).returning(COLLECTION.c.id)).scalar_one()
    unit = insert(ACCESS_UNIT).values(collection_id=made).returning(ACCESS_UNIT.c.id)
    return made, [connection.execute(unit).scalar_one() for _ in range(units)]


def place(connection: Connection, collection: int) -> Place:
    """The first access unit of the collection."""
    first = select(func.min(ACCESS_UNIT.c.id)).where(ACCESS_UNIT.c.collection_id == collection)
    return Place(collection, connection.execute(first).scalar_one() or 0)


def upsert(connection: Connection, collection: int, entries: Sequence[Entry]) -> list[writer.Outcome]:
    """Put the entries into the first access unit of the collection."""
    return writer.upsert(connection, place(connection, collection), entries)


def existing(connection: Connection, collection: int, uids: Iterable[str]) -> dict[str, bytes]:
    """What the first access unit of the collection holds of these."""
    return writer.existing(connection, place(connection, collection), uids)


def clear(connection: Connection) -> None:
    """Leave nothing but the empty collection `inbox`: hypothesis needs a clean index for each example."""
    for table in (CART, INSTANCE, REQUEST_ATTRIBUTES, SERIES, STUDY, TOMBSTONE, SUBMISSION, VERSION):
        connection.execute(delete(table))
    first = inbox(connection)
    connection.execute(delete(ACCESS_UNIT).where(ACCESS_UNIT.c.collection_id != first))
    connection.execute(delete(COLLECTION).where(COLLECTION.c.id != first))
