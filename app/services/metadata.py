"""WADO-RS metadata (PS3.18 section 10.4.1.1.2): the stored DICOM JSON of every instance at an address."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from functools import partial

from app.dicom.resource import Resource
from app.index import locate
from app.index.locate import Located
from app.services.forms import JSON_OFFERS
from app.services.retrieve import entity_tag, located
from app.services.root import Ask, Root
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
    rows = await located(root, resource)
    offer = ask.choose(JSON_OFFERS)
    tag = entity_tag(root, offer, rows)
    for each in (coding.IDENTITY, *coding.CODINGS):
        ask.require_change(coded(tag, each))
    return Metadata(offer, tag, rows)


async def objects(root: Root, rows: Sequence[Located]) -> AsyncIterator[list[bytes]]:
    """One JSON object for each instance, in batches, each BulkDataURI absolute."""
    for start in range(0, len(rows), BATCH):
        batch = rows[start : start + BATCH]
        read = partial(locate.descriptions, rows=[row.row for row in batch])
        found = await root.archive.database.scan(read)
        yield [_addressed(root, row, found[row.row]) for row in batch]


def _addressed(root: Root, row: Located, json: bytes) -> bytes:
    return json.replace(_PLACEHOLDER, f'"BulkDataURI":"{root.url}/{row.resource.path}'.encode())
