"""Pixel data resources (PS3.18 section 10.4.1.1.6): of an instance, a series or a study.

Native pixel data is a part for each instance, whatever its frames; compressed pixel data a part for each
frame, as it is stored or in the one form that was asked for.
"""

from collections.abc import Sequence
from dataclasses import replace

from app.dicom.resource import Resource
from app.dicom.transfer_syntaxes import EXPLICIT_LITTLE_ENDIAN
from app.errors import NotFound
from app.index.locate import Located
from app.services import forms, retrieve
from app.services.convert import EDITION, Conversion
from app.services.plan import Part, Plan
from app.services.root import Ask, Root
from app.viewer import Capability
from app.wire.accept import Offer

#: Integer, float and double: an instance has one of them.
_PIXELS = (retrieve.PIXEL_DATA, "7FE00008", "7FE00009")


async def pixel_data(root: Root, resource: Resource, ask: Ask) -> Plan:
    """The pixel data at an address. Raises NotFound where there is none, NotAcceptable, NotModified."""
    root = root.at(Capability.VIEW)
    if resource.instance:
        row = await retrieve.one(root, resource, "bulkdata")
        return await retrieve.bulkdata(root, resource, _path(row) or retrieve.PIXEL_DATA, ask)
    rows = await _rows(root, resource)
    retrieve.require_few(sum(_count(row) for row in rows))
    offer = ask.choose(forms.pixel_data_offers(map(_syntax, rows)))
    tag = retrieve.entity_tag(root, offer, rows, EDITION, "pixeldata")
    ask.require_change(tag)
    conversion = Conversion(root.archive)
    try:
        parts = [part for row in rows for part in await _parts(root, row, offer, conversion)]
    except BaseException:
        conversion.close()
        raise
    return Plan(offer, tuple(parts), tag, conversion.close)


async def _rows(root: Root, resource: Resource) -> Sequence[Located]:
    found = await retrieve.located(root, resource, "bulkdata", "frame_index")
    rows = [row for row in found if row.parts["frame_index"] or _path(row)]
    if not rows:
        raise NotFound("No instance here has pixel data.")
    return rows


def _path(row: Located) -> str | None:
    return next((path for path in _PIXELS if path in row.bulkdata), None)


def _is_whole(row: Located) -> bool:
    """Whether its pixel data is one part: native, or of frames that cannot be told apart."""
    return row.frames is None or row.frames.is_native


def _count(row: Located) -> int:
    return 1 if row.frames is None or row.frames.is_native else row.frames.count


def _syntax(row: Located) -> str:
    """What its parts are in as they are stored: native ones are always sent little endian."""
    return EXPLICIT_LITTLE_ENDIAN if _is_whole(row) else row.transfer_syntax_uid


async def _parts(root: Root, row: Located, offer: Offer, conversion: Conversion) -> list[Part]:
    base, path, stored = f"{root.url}/{row.resource.path}", _path(row), _syntax(row)
    if offer.name == forms.STORED or offer.transfer_syntax == stored:
        offer = replace(offer, name=forms.STORED, transfer_syntax=stored)
    if _is_whole(row) and path and offer.name != forms.TRANSCODED:
        content = await retrieve.bulk_content(root, row, path)
        return [Part(offer.content_type, f"{base}/bulkdata/{path}", content)]
    index = row.frames
    if index is None:
        raise NotFound("The frames of an instance cannot be told apart: ask for it as stored.")
    numbers = range(1, index.count + 1)
    contents = await retrieve.frame_contents(root, row, index, numbers, offer, conversion)
    return [
        Part(offer.content_type, f"{base}/frames/{number}", content)
        for number, content in zip(numbers, contents, strict=True)
    ]
