"""WADO-RS metadata (PS3.18 section 10.4.1.1.2): the stored data set of every instance at an address."""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from functools import partial

import orjson
from sqlalchemy import Connection

from app.dicom.resource import Resource
from app.dicom.xml_model import to_xml
from app.index import locate
from app.index.locate import Located
from app.services.forms import DATA_SET_OFFERS
from app.services.retrieve import entity_tag, located
from app.services.root import Ask, Root
from app.threads import in_thread
from app.wire import coding
from app.wire.accept import Offer
from app.wire.conditional import coded

#: Instances whose JSON is in memory at once.
BATCH = 500
#: How a stored BulkDataURI begins. In a JSON string the quotes would be escaped, so it stands nowhere else.
_PLACEHOLDER = b'"BulkDataURI":"@'


@dataclass(frozen=True, slots=True)
class Metadata:
    """The form agreed on, a strong entity tag, and the instances."""

    offer: Offer
    etag: str
    rows: Sequence[Located]


async def metadata(root: Root, resource: Resource, ask: Ask) -> Metadata:
    """What will be sent. Raises NotFound, NotAcceptable, NotModified."""
    # One instance comes with its description; of many only what is sent is read, a batch at a time.
    rows = await located(root, resource, *(("dicom_json",) if resource.instance else ()))
    offer = ask.choose(DATA_SET_OFFERS)
    tag = entity_tag(root, offer, rows)
    for each in (coding.IDENTITY, *coding.CODINGS):
        ask.require_change(coded(tag, each))
    return Metadata(offer, tag, rows)


async def documents(root: Root, found: Metadata) -> AsyncGenerator[list[bytes]]:
    """One document for each instance in the form agreed on, in batches, each BulkDataURI absolute."""
    for start in range(0, len(found.rows), BATCH):
        objects = await _objects(root, found.rows[start : start + BATCH])
        yield objects if found.offer.name == "json" else await in_thread(_as_xml, objects)


async def _objects(root: Root, rows: Sequence[Located]) -> list[bytes]:
    if len(rows) == 1 and "dicom_json" in rows[0].parts:
        return [_addressed(root, rows[0], rows[0].json)]
    return await root.archive.database.scan(partial(_read, root, rows))


def _read(root: Root, rows: Sequence[Located], connection: Connection) -> list[bytes]:
    stored = locate.descriptions(connection, [row.row for row in rows])
    return [_addressed(root, row, stored[row.row]) for row in rows]


def _as_xml(objects: list[bytes]) -> list[bytes]:
    return [to_xml(orjson.loads(each)) for each in objects]


def _addressed(root: Root, row: Located, json: bytes) -> bytes:
    address = f'"BulkDataURI":"{root.url}/{row.resource.path}'.encode()
    # Faster than `replace`, which looks through all of it twice.
    return address.join(json.split(_PLACEHOLDER))
