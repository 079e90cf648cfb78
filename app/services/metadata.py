"""WADO-RS metadata (PS3.18 section 10.4.1.1.2): the stored data set of every instance at an address."""

from collections.abc import AsyncGenerator, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import orjson
from sqlalchemy import Connection

from app.dicom.resource import Resource
from app.dicom.xml_model import to_xml
from app.index import locate, pieces
from app.index.locate import Located
from app.services.forms import DATA_SET_OFFERS
from app.services.retrieve import entity_tag, located
from app.services.root import Ask, Root
from app.threads import in_thread
from app.wire import coding
from app.wire.accept import Offer
from app.wire.conditional import coded


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
    for batch in _batches(found.rows):
        objects = await _objects(root, batch)
        yield objects if found.offer.name == "json" else await in_thread(_as_xml, objects)


#: Rows that are read one after the other, each run with whether there may be a piece of just these.
_Batch = list[tuple[Sequence[Located], bool]]


def _batches(rows: Sequence[Located]) -> Iterator[_Batch]:
    """Small series together, as many as may be in memory; of large ones a piece at a time."""
    batch, size = _Batch(), 0
    for run in pieces.runs(rows):
        if batch and size + len(run[0]) > pieces.MOST:
            yield batch
            batch, size = [], 0
        batch.append(run)
        size += len(run[0])
    if batch:
        yield batch


async def _objects(root: Root, batch: _Batch) -> list[bytes]:
    rows = batch[0][0]
    if len(batch) == len(rows) == 1 and "dicom_json" in rows[0].parts:
        return [_addressed(root, rows[0], rows[0].json)]
    return await root.archive.database.scan(partial(_read, root, batch))


def _read(root: Root, batch: _Batch, connection: Connection) -> list[bytes]:
    kept = [pieces.find(connection, rows) if large else None for rows, large in batch]
    rest = [row.row for (rows, _), found in zip(batch, kept, strict=True) if found is None for row in rows]
    stored = locate.descriptions(connection, rest) if rest else {}
    objects: list[bytes] = []
    for (rows, _), found in zip(batch, kept, strict=True):
        if found is None:
            objects += [_addressed(root, row, stored[row.row]) for row in rows]
        else:
            address = f'"BulkDataURI":"{root.url}'.encode()
            objects += address.join(found.split(pieces.PLACEHOLDER)).split(b"\n")
    return objects


def _as_xml(objects: list[bytes]) -> list[bytes]:
    return [to_xml(orjson.loads(each)) for each in objects]


def _addressed(root: Root, row: Located, json: bytes) -> bytes:
    address = f'"BulkDataURI":"{root.url}/{row.resource.path}'.encode()
    # Faster than `replace`, which looks through all of it twice.
    return address.join(json.split(pieces.PLACEHOLDER))
