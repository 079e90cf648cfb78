"""WADO-RS retrieval of instances, frames and bulk data (PS3.18 section 10.4): from an address to a plan.

The order is always the same: locate (404), agree on a form (406), compare entity tags (304), and only then
read or decode anything. What must be converted is held, converted, in
the cache before the first byte is sent.
"""

from collections.abc import Callable, Sequence
from functools import partial
from hashlib import sha256
from typing import TypeVar

from app.archive import Archive
from app.dicom import bulkdata as bulk
from app.dicom import part10, transfer_syntaxes
from app.dicom.frames import FrameIndex
from app.dicom.resource import Resource
from app.errors import InvalidRequest, NotFound
from app.index import locate
from app.index.locate import Located
from app.index.locate import Part as Column
from app.services import forms
from app.services.convert import EDITION, Conversion, FramesOf, Read
from app.services.plan import Content, Part, Plan, Ready, Stored, StoredFrame
from app.services.refusals import refuse
from app.services.root import Ask, Root
from app.services.zipped import AtHand, Zip, behind, digest, member
from app.storage.object_store import ObjectStore
from app.storage.open import as_path
from app.threads import in_thread
from app.viewer import Capability
from app.wire.accept import Offer
from app.wire.conditional import etag
from app.wire.zip_out import Mark

T = TypeVar("T")

PIXEL_DATA = "7FE00010"
ENCAPSULATED_DOCUMENT = "00420011"
#: Frames of one answer, each a part of it; a header and its fragments take about a kilobyte.
MOST_FRAMES = 50_000
#: More than so many are put together in a thread.
_MANY = 1000
#: So many parts are made in a turn: in a quarter of a millisecond.
SLICE = 100


async def instances(root: Root, resource: Resource, ask: Ask) -> Plan:
    """Every instance of a study or series, or one instance. Raises NotFound, NotAcceptable, NotModified."""
    root = root.at(Capability.DOWNLOAD)
    found = await located(root, resource)
    uids = frozenset(row.transfer_syntax_uid for row in found)
    offer = ask.choose_from(forms.instance_offers, uids, single=resource.instance is not None)
    if offer.name == forms.ZIPPED:
        return await _zipped(root, found, offer, ask)
    changing = [row for row in found if forms.converts(offer, row.transfer_syntax_uid)]
    tag = _instances_tag(root, offer, found, changing)
    ask.require_change(tag)
    conversion = Conversion(root.archive)
    uid = offer.transfer_syntax or transfer_syntaxes.EXPLICIT_LITTLE_ENDIAN
    try:
        made = await conversion.instances(changing, uid, tolerant=offer.name == forms.DEFAULT)
        # What a codec gave up on goes as stored, perhaps only this once: that is another answer.
        tag = _instances_tag(root, offer, found, [row for row in changing if row.object_key in made])
        ask.require_change(tag)
        parts = await _in_slices(
            root, found, lambda row: _instance_part(root, row, offer, uid, made.get(row.object_key))
        )
    except BaseException:
        conversion.close()
        raise
    return Plan(offer, tuple(parts), tag, conversion.close)


async def frames(root: Root, resource: Resource, numbers: Sequence[int], ask: Ask) -> Plan:
    """Frames by number, in the order asked for. Raises NotFound also for an instance that has no frames."""
    root = root.at(Capability.VIEW)
    row = await one(root, resource, "frame_index")
    index = row.frames
    if index is None:
        raise NotFound("This instance has no frames.")
    if beyond := next((number for number in numbers if not 1 <= number <= index.count), None):
        raise NotFound(f"The instance has {index.count} frames; there is no frame {beyond}.")
    return await _frames(root, row, index, numbers, ask)


async def bulkdata(root: Root, resource: Resource, path: str, ask: Ask) -> Plan:
    """The bulk data that a BulkDataURI of the instance's metadata names."""
    root = root.at(Capability.VIEW)
    row = await one(root, resource, "bulkdata", "frame_index")
    index = row.frames
    if path == PIXEL_DATA and index and not index.is_native:
        # As code streams, a part each: the offset table and the items around them are not the data.
        return await _frames(root, row, index, range(1, index.count + 1), ask)
    if path not in row.bulkdata:
        raise NotFound("This instance has no such bulk data.")
    offer = ask.choose(forms.bulkdata_offers(await _document_type(root, resource, path)))
    tag = entity_tag(root, offer, [row], path)
    ask.require_change(tag)
    content = await bulk_content(root, row, path)
    location = f"{root.url}/{row.resource.path}/bulkdata/{path}"
    return Plan(offer, (Part(offer.content_type, location, content),), tag)


async def located(root: Root, resource: Resource, *columns: Column) -> list[Located]:
    """The instances at an address, in order. Raises as `refuse` does where there is none."""
    if resource.instance:
        return [await one(root, resource, *columns)]
    await root.archive.planning.take(begins=True)
    found = await root.archive.database.brief(
        lambda connection: locate.instances(connection, root.scope, root.viewer, resource, *columns),
        (resource, root.scope, root.viewer),
    )
    return found or await refuse(root, resource)


async def one(root: Root, resource: Resource, *columns: Column) -> Located:
    """The instance at an address. Raises as `refuse` does where there is none."""
    found = await root.archive.database.lookup(
        lambda connection: locate.instance(connection, root.scope, root.viewer, resource, *columns)
    )
    return found or await refuse(root, resource)


def entity_tag(root: Root, form: object, rows: Sequence[Located], *more: object) -> str:
    """A strong entity tag: of the bytes, the form they are sent in, and the addresses written into it."""
    digest = sha256(f"{root.url} {form} {more}".encode())
    digest.update("".join([row.path for row in rows]).encode())
    digest.update(b"".join([row.sha256 for row in rows]))
    return etag(digest.hexdigest()[:32])


def _instances_tag(root: Root, offer: Offer, rows: Sequence[Located], converted: Sequence[Located]) -> str:
    if not converted:
        return entity_tag(root, offer, rows)
    return entity_tag(root, offer, rows, EDITION, [row.object_key for row in converted])


async def _in_slices(root: Root, rows: Sequence[Located], part: Callable[[Located], T]) -> list[T]:
    """The part of each row; those of many are made in turn with whoever else plans."""
    parts: list[T] = []
    for start in range(0, len(rows), SLICE):
        if len(rows) > 1:
            await root.archive.planning.take()
        parts += map(part, rows[start : start + SLICE])
    return parts


def _instance_part(root: Root, row: Located, offer: Offer, uid: str, converted: Content | None) -> Part:
    stored = Stored(root.archive.store, row.object_key, ((0, row.size),))
    sent = uid if converted else row.transfer_syntax_uid
    return Part(f"{forms.DICOM}; transfer-syntax={sent}", f"{root.url}/{row.path}", converted or stored)


async def _zipped(root: Root, found: Sequence[Located], offer: Offer, ask: Ask) -> Plan:
    """The instances alone, as stored, in one ZIP file. Raises NotModified."""
    members = await _in_slices(root, found, partial(member, root.archive.store))
    tag = etag((await in_thread(digest, members, [row.sha256 for row in found])).hex()[:32])
    ask.require_change(tag)
    content = Zip((AtHand(members),), (Mark(), behind(Mark(), (each.entry for each in members))))
    parts, name = (Part(forms.ZIP, "", content),), f"{found[0].study}.zip"
    return Plan(offer, parts, tag, instances=len(found), filename=name)


def require_few(frames: int) -> None:
    """Raises InvalidRequest where an answer would have too many frames."""
    if frames > MOST_FRAMES:
        raise InvalidRequest(
            f"One answer has at most {MOST_FRAMES:,} frames, and these are {frames:,}: "
            "ask for some of them, as /frames/1,2,3."
        )


async def _frames(root: Root, row: Located, index: FrameIndex, numbers: Sequence[int], ask: Ask) -> Plan:
    require_few(len(numbers))
    uid = row.transfer_syntax_uid
    offer = ask.choose_from(forms.frame_offers, uid, native=index.is_native, single=len(numbers) == 1)
    tag = entity_tag(root, offer, [row], EDITION, *numbers)
    ask.require_change(tag)
    conversion = Conversion(root.archive)
    try:
        contents = await frame_contents(root, row, index, numbers, offer, conversion)
    except BaseException:
        conversion.close()
        raise
    base = f"{root.url}/{row.resource.path}/frames"
    parts = [
        Part(offer.content_type, f"{base}/{number}", content)
        for number, content in zip(numbers, contents, strict=True)
    ]
    return Plan(offer, tuple(parts), tag, conversion.close)


def _stored_frames(store: ObjectStore, key: str, index: FrameIndex, numbers: Sequence[int]) -> list[Content]:
    return [
        Stored(store, key, tuple(index.ranges(number)))
        if index.is_verbatim(number)
        else StoredFrame(store, key, index, number)
        for number in numbers
    ]


async def frame_contents(
    root: Root, row: Located, index: FrameIndex, numbers: Sequence[int], offer: Offer, conversion: Conversion
) -> list[Content]:
    """What is sent for frames of an instance; what is converted is held by `conversion`."""
    store, key = root.archive.store, row.object_key
    deflated = transfer_syntaxes.get(row.transfer_syntax_uid).deflated
    data = await inflated(root.archive, row) if deflated else b""
    if offer.name == forms.TRANSCODED or (offer.name == forms.NATIVE and not index.is_native):
        described = await one(root, row.resource, "dicom_json")
        read = _sliced(data) if deflated else partial(store.read, key)
        uid = offer.transfer_syntax or transfer_syntaxes.EXPLICIT_LITTLE_ENDIAN
        made = await conversion.frames(FramesOf(described, index, read), numbers, uid)
        return [made[number] for number in numbers]
    if deflated:
        return [
            Ready(index.assemble(number, [bytes(data[at : at + size]) for at, size in index.ranges(number)]))
            for number in numbers
        ]
    if len(numbers) > _MANY:
        return await in_thread(_stored_frames, store, key, index, numbers)
    return _stored_frames(store, key, index, numbers)


async def bulk_content(root: Root, row: Located, path: str) -> Content:
    """The element's value as Explicit VR Little Endian would hold it."""
    syntax = transfer_syntaxes.get(row.transfer_syntax_uid)
    offset, length = row.bulkdata[path]
    if syntax.deflated:
        return Ready(bytes((await inflated(root.archive, row))[offset : offset + length]))
    if syntax.little_endian:
        return Stored(root.archive.store, row.object_key, ((offset, length),))
    described = await one(root, row.resource, "dicom_json")
    value = await root.archive.store.read(row.object_key, offset, length)
    return Ready(bulk.little_endian(value, bulk.vr(described.json, path)))


async def _document_type(root: Root, resource: Resource, path: str) -> str:
    if path != ENCAPSULATED_DOCUMENT:
        return ""
    return bulk.document_type((await one(root, resource, "dicom_json")).json)


def _sliced(data: part10.Data) -> Read:
    async def read(offset: int, length: int) -> bytes:
        return bytes(data[offset : offset + length])

    return read


async def inflated(archive: Archive, row: Located) -> part10.Data:
    """The data that the offsets of a deflated instance point into."""
    async with as_path(archive.store, row.object_key) as path, archive.examining:
        return await in_thread(lambda: part10.read(path.read_bytes()).data)
