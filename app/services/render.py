"""Rendered resources (PS3.18 section 10.4.1.1.3 and .4): an instance as a picture, a document or a page.

A study or series is shown by the instance in its middle that has an image, an instance of many frames by
its representative frame, or the one in the middle. As in `retrieve`: locate, agree on a form, compare entity
tags, and only then draw; what is drawn lies there before the first byte is sent.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import orjson

from app.dicom import bulkdata, report, transfer_syntaxes
from app.dicom.frames import FrameIndex
from app.dicom.rendering import GIF, JPEG, PNG, Rendering
from app.dicom.resource import Resource
from app.errors import InvalidRequest, NotAcceptable, NotFound
from app.index import locate
from app.index.locate import Located
from app.index.locate import Part as Column
from app.services.pictures import DRAWN_AS, Pictures
from app.services.plan import Content, Part, Plan, Ready, Stored
from app.services.refusals import refuse
from app.services.retrieve import ENCAPSULATED_DOCUMENT, entity_tag, inflated, located, one
from app.services.root import Ask, Root
from app.threads import in_thread
from app.viewer import Capability
from app.wire.accept import Offer

_COLUMNS: tuple[Column, ...] = ("dicom_json", "bulkdata", "frame_index")
_PICTURE, _ANIMATION, _HTML, _TEXT, _DOCUMENT = "picture", "animation", "html", "text", "document"
#: OHIF asks for pictures with the Accept header of its frames, and expects a JPEG.
_OCTETS = re.compile(r"\bapplication/octet-stream\b", re.IGNORECASE)
_REPORTS = (Offer(_HTML, "text/html"), Offer(_TEXT, "text/plain"))
_STILLS = (Offer(_PICTURE, JPEG), Offer(_PICTURE, PNG))
_EACH = (Offer(_PICTURE, JPEG, multipart=True), Offer(_PICTURE, PNG, multipart=True))
_REPRESENTATIVE_FRAME = "00286010"
#: The SOP classes of PS3.4 Annex N, from Grayscale Softcopy Presentation State on.
_PRESENTATION_STATES = "1.2.840.10008.5.1.4.1.1.11."


@dataclass(frozen=True, slots=True)
class Subject:
    """What is to be shown: an address, its frames (none: as the instance chooses), and whether small."""

    resource: Resource
    frames: tuple[int, ...] = ()
    thumbnail: bool = False

    @property
    def path(self) -> str:
        """Its address below a DICOMweb root."""
        frames = f"/frames/{','.join(map(str, self.frames))}" if self.frames else ""
        return f"{self.resource.path}{frames}/{'thumbnail' if self.thumbnail else 'rendered'}"


async def render(root: Root, subject: Subject, rendering: Rendering, ask: Ask) -> Plan:
    """The subject as its client likes it. Raises NotFound, NotAcceptable, NotModified, CannotDecode,
    and InvalidRequest for a region that lies outside of it.
    """
    root = root.at(Capability.VIEW)
    row = await _shown(root, subject.resource)
    index = row.frames
    if index and not _is_video(row):
        return await _image(root, subject, row, index, rendering, ask)
    if row.sop_class_uid.startswith(_PRESENTATION_STATES):
        raise NotAcceptable("Presentation states are not drawn: ask for the images that this one refers to.")
    if subject.frames or subject.thumbnail:
        raise NotFound("There is no image here.")
    return await _document(root, subject, row, ask)


async def _shown(root: Root, resource: Resource) -> Located:
    """The instance itself, or the one that stands for its study or series."""
    if resource.instance is None:
        middle = await root.archive.database.scan(
            lambda connection: locate.middle(connection, root.scope, root.viewer, resource)
        )
        resource = middle or await refuse(root, resource)
    return await one(root, resource, *_COLUMNS)


async def _image(
    root: Root, subject: Subject, row: Located, index: FrameIndex, rendering: Rendering, ask: Ask
) -> Plan:
    if beyond := next((number for number in subject.frames if not 1 <= number <= index.count), None):
        raise NotFound(f"The instance has {index.count} frames; there is no frame {beyond}.")
    offer = _chosen(ask, _image_offers(subject, index))
    if offer.media_type == GIF and rendering.profile != "no":
        raise InvalidRequest("A GIF holds no colour profile: ask for JPEG or PNG, or for iccprofile=no.")
    every = offer.multipart or offer.name == _ANIMATION
    rows = await _rows(root, subject, row) if offer.multipart else [row]
    numbers = subject.frames or (range(1, index.count + 1) if every else ())
    tag = entity_tag(root, offer, rows, DRAWN_AS, rendering, subject.path)
    ask.require_change(tag)
    pictures = Pictures(root.archive, replace(rendering, media_type=offer.media_type))
    try:
        parts = await _parts(root, subject, rows, numbers, offer, pictures)
    except BaseException:
        pictures.close()
        raise
    return Plan(offer, tuple(parts), tag, pictures.close)


def _image_offers(subject: Subject, index: FrameIndex) -> list[Offer]:
    """JPEG before the others. Several frames are one picture only where they move."""
    count = len(subject.frames) or (index.count if subject.resource.instance else 1)
    moving = Offer(_ANIMATION if count > 1 and not subject.thumbnail else _PICTURE, GIF)
    if subject.thumbnail:
        return [*_STILLS, moving]
    return [*_EACH, moving] if len(subject.frames) > 1 else [*_STILLS, moving, *_EACH]


def _chosen(ask: Ask, offers: Sequence[Offer]) -> Offer:
    try:
        return ask.choose(offers)
    except NotAcceptable:
        if any(ask.query_accept) or not _OCTETS.search(ask.accept or ""):
            raise
        return offers[0]


async def _rows(root: Root, subject: Subject, row: Located) -> list[Located]:
    """Every instance at the address that has an image, without its large columns."""
    if subject.resource.instance:
        return [row]
    found = await located(root, subject.resource, "frame_index")
    return [each for each in found if each.parts["frame_index"] and not _is_video(each)]


async def _parts(
    root: Root,
    subject: Subject,
    rows: Sequence[Located],
    numbers: Sequence[int],
    offer: Offer,
    pictures: Pictures,
) -> list[Part]:
    if offer.name == _ANIMATION:
        return [_part(root, subject, offer, await pictures.animation(rows[0], numbers))]
    if not offer.multipart:
        number = numbers[0] if numbers else await _representative(rows[0])
        return [_part(root, subject, offer, await pictures.still(rows[0], number))]
    parts = []
    for row in rows:
        whole = row if row.parts.keys() >= set(_COLUMNS) else await one(root, row.resource, *_COLUMNS)
        wanted = numbers if subject.resource.instance else [await _representative(whole)]
        contents = await pictures.stills(whole, wanted)
        parts += [
            _part(root, Subject(row.resource, (number,)), offer, content)
            for number, content in zip(wanted, contents, strict=True)
        ]
    return parts


def _part(root: Root, subject: Subject, offer: Offer, content: Content) -> Part:
    return Part(offer.content_type, f"{root.url}/{subject.path}", content)


async def _representative(row: Located) -> int:
    """The frame that stands for an instance: the one it names, else the one in the middle."""
    count = row.frames.count if row.frames else 1
    if count == 1:
        return 1
    json = await in_thread(orjson.loads, row.json)
    named = (json.get(_REPRESENTATIVE_FRAME, {}).get("Value") or [0])[0]
    return named if isinstance(named, int) and 1 <= named <= count else count // 2 + 1


async def _document(root: Root, subject: Subject, row: Located, ask: Ask) -> Plan:
    """A report, an encapsulated document or a film, as Accept asks."""
    json = await in_thread(orjson.loads, row.json)
    offers = _document_offers(row, report.is_report(json))
    if not offers:
        raise NotFound("This instance has nothing that can be shown: neither image, report nor document.")
    offer = _chosen(ask, offers)
    tag = entity_tag(root, offer, [row], DRAWN_AS, subject.path)
    ask.require_change(tag)
    if offer.name in (_HTML, _TEXT):
        write = report.html if offer.name == _HTML else report.text
        written = await in_thread(write, json)
        offer = replace(offer, media_type=f"{offer.media_type}; charset=utf-8")
        content: Content = Ready(written.encode(errors="replace"))
    else:
        content = await _stored_document(root, row, json)
    return Plan(offer, (_part(root, subject, offer, content),), tag)


def _document_offers(row: Located, is_report: bool) -> Sequence[Offer]:
    if is_report:
        return _REPORTS
    if row.frames:
        media_type = transfer_syntaxes.get(row.transfer_syntax_uid).media_type
        return (Offer(_DOCUMENT, media_type), Offer(_DOCUMENT, media_type, multipart=True))
    media_type = bulkdata.document_type(row.json) if ENCAPSULATED_DOCUMENT in row.bulkdata else ""
    return (Offer(_DOCUMENT, media_type),) if media_type else ()


async def _stored_document(root: Root, row: Located, json: dict[str, object]) -> Content:
    """The bytes of the film or of the document, without padding where its length is said."""
    if row.frames:
        return Stored(root.archive.store, row.object_key, tuple(row.frames.ranges(1)))
    offset, length = row.bulkdata[ENCAPSULATED_DOCUMENT]
    length = bulkdata.document_length(json, length)
    if transfer_syntaxes.get(row.transfer_syntax_uid).deflated:
        return Ready(bytes((await inflated(root.archive, row))[offset : offset + length]))
    return Stored(root.archive.store, row.object_key, ((offset, length),))


def _is_video(row: Located) -> bool:
    return transfer_syntaxes.get(row.transfer_syntax_uid).video
