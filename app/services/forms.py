"""In which forms a resource can be sent, best first (PS3.18 sections 8.7.3 and 10.4.1)."""

from collections.abc import Iterable

from app.dicom import transfer_syntaxes
from app.dicom.encoders import ENCODERS
from app.dicom.transfer_syntaxes import (
    DEFLATED_LITTLE_ENDIAN,
    EXPLICIT_LITTLE_ENDIAN,
    OCTET_STREAM,
    TransferSyntax,
)
from app.wire.accept import Offer

DICOM = "application/dicom"
DICOM_JSON = "application/dicom+json"
DICOM_XML = "application/dicom+xml"
ZIP = "application/zip"
#: As stored; all in Explicit VR Little Endian; in that where nothing is lost by it, else as stored.
STORED, EXPLICIT, DEFAULT = "stored", "explicit", "default"
#: As stored, in one ZIP file.
ZIPPED = "zipped"
#: Frames as native little-endian pixels; instances or frames in another compressed transfer syntax.
NATIVE, TRANSCODED = "native", "transcoded"
#: The compressed transfer syntaxes in which whole instances can be sent.
WHOLE = (*ENCODERS, DEFLATED_LITTLE_ENDIAN)
#: The parts are of several transfer syntaxes, each named in its part's header.
SEVERAL = ""

#: Names by which clients ask for these types that were never registered, or are no longer.
_ALIASES = {
    "image/jls": ("image/x-jls",),
    "image/dicom-rle": ("image/x-dicom-rle",),
    "video/mpeg": ("video/mpeg2",),
}

#: What metadata and search results offer: a JSON array, which clients also ask for by its plain name, or XML
#: in a part for each data set.
DATA_SET_OFFERS = (
    Offer("json", DICOM_JSON, default=True, aliases=("application/json",)),
    Offer("xml", DICOM_XML, multipart=True, default=True),
)


def acceptable(uid: str) -> bool:
    """Whether an instance is sent as stored to who asked for no transfer syntax.

    The default is Explicit VR Little Endian; what a lossy codec made, or no codec here reads, stays as it is.
    """
    syntax = transfer_syntaxes.get(uid)
    return uid == EXPLICIT_LITTLE_ENDIAN or syntax.lossy or not syntax.decodable


def converts(offer: Offer, uid: str) -> bool:
    """Whether an instance of this transfer syntax must be rewritten to be sent in a form."""
    if offer.name == DEFAULT:
        return not acceptable(uid)
    return offer.name not in (STORED, ZIPPED) and uid != offer.transfer_syntax


def instance_offers(uids: Iterable[str], *, single: bool) -> list[Offer]:
    """Forms of instances stored in these transfer syntaxes; `single` for one instance."""
    stored = set(uids)
    offers = [Offer(STORED, DICOM, True, _the_one(stored), all(map(acceptable, stored)), stored=True)]
    if stored != {EXPLICIT_LITTLE_ENDIAN} and all(transfer_syntaxes.get(uid).decodable for uid in stored):
        lossless = not any(transfer_syntaxes.get(uid).lossy for uid in stored)
        offers.insert(0, Offer(EXPLICIT, DICOM, True, EXPLICIT_LITTLE_ENDIAN, default=lossless))
    if not any(offer.default for offer in offers):
        offers.insert(0, Offer(DEFAULT, DICOM, True, SEVERAL, default=True))
    offers += [Offer(TRANSCODED, DICOM, True, uid) for uid in _made_of(stored, WHOLE)]
    offers += [_single(offer) for offer in offers if single]
    return [*offers, Offer(ZIPPED, ZIP, False, _the_one(stored), default=True, stored=True)]


def frame_offers(uid: str, *, native: bool, single: bool) -> list[Offer]:
    """Forms of frames stored in this transfer syntax, `native` or code streams; `single` for one frame."""
    syntax = transfer_syntaxes.get(uid)
    offers = list(_native_offers(uid) if native else _code_stream_offers(syntax))
    offers += [offer for made in _made_of({uid}) for offer in _transcoded_offers(transfer_syntaxes.get(made))]
    return offers + [_single(offer) for offer in offers if single]


def pixel_data_offers(uids: Iterable[str]) -> list[Offer]:
    """Forms of the pixel data of several instances in these transfer syntaxes, Explicit LE where native."""
    stored = set(uids)
    if len(stored) == 1:
        (uid,) = stored
        return frame_offers(uid, native=uid == EXPLICIT_LITTLE_ENDIAN, single=False)
    decodable = all(transfer_syntaxes.get(uid).decodable for uid in stored)
    offers = [Offer(STORED, OCTET_STREAM, True, SEVERAL, default=not decodable, stored=True)]
    if decodable:
        offers.insert(0, Offer(NATIVE, OCTET_STREAM, True, EXPLICIT_LITTLE_ENDIAN, default=True))
    made = (transfer_syntaxes.get(uid) for uid in _made_of(stored))
    return offers + [offer for syntax in made for offer in _transcoded_offers(syntax)]


def bulkdata_offers(document_type: str) -> list[Offer]:
    """Forms of bulk data but pixel data; `document_type` is that of an encapsulated document, or empty."""
    types = [document_type] if document_type else []
    offers = [Offer(STORED, media_type, multipart=True) for media_type in (*types, OCTET_STREAM)]
    return offers + [_single(offer) for offer in offers]


def _native_offers(uid: str) -> Iterable[Offer]:
    yield Offer(NATIVE, OCTET_STREAM, True, EXPLICIT_LITTLE_ENDIAN, default=True, stored=True)
    if uid != EXPLICIT_LITTLE_ENDIAN:
        # Who names the instance's own syntax means these frames: native pixels are always little endian.
        yield Offer(NATIVE, OCTET_STREAM, True, uid)


def _code_stream_offers(syntax: TransferSyntax) -> Iterable[Offer]:
    yield Offer(STORED, OCTET_STREAM, True, syntax.uid, stored=True)
    if syntax.media_type != OCTET_STREAM:
        aliases = _ALIASES.get(syntax.media_type, ())
        yield Offer(STORED, syntax.media_type, True, syntax.uid, True, True, aliases)
    if syntax.decodable:
        yield Offer(NATIVE, OCTET_STREAM, True, EXPLICIT_LITTLE_ENDIAN, default=True)


def _made_of(stored: set[str], made: tuple[str, ...] = tuple(ENCODERS)) -> list[str]:
    """The compressed transfer syntaxes in which what is stored so can be sent, but for its own."""
    if not all(transfer_syntaxes.get(uid).decodable for uid in stored):
        return []
    return [uid for uid in made if {uid} != stored]


def _transcoded_offers(syntax: TransferSyntax) -> Iterable[Offer]:
    default = transfer_syntaxes.default(syntax.media_type) is syntax
    aliases = _ALIASES.get(syntax.media_type, ())
    yield Offer(TRANSCODED, syntax.media_type, True, syntax.uid, default, aliases=aliases)
    if syntax.media_type != OCTET_STREAM:
        yield Offer(TRANSCODED, OCTET_STREAM, True, syntax.uid)


def _the_one(uids: set[str]) -> str:
    return next(iter(uids)) if len(uids) == 1 else SEVERAL


def _single(offer: Offer) -> Offer:
    return Offer(
        offer.name, offer.media_type, False, offer.transfer_syntax, offer.default, offer.stored, offer.aliases
    )
