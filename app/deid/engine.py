"""One instance in, one instance out, and what was done to it (PS3.15 Annex E)."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from app.deid import documents, output
from app.deid.actions import Action
from app.deid.blank import Blanked
from app.deid.decisions import Again, Decisions
from app.deid.encoding import Chunk
from app.deid.identity import Identities
from app.deid.output import UNSEEN, PixelsSeen
from app.deid.policy import Policy
from app.deid.standard import Option
from app.deid.text import Cleaner, Identifiers
from app.deid.walk import OUTERMOST, Change, Cleans, Walk
from app.dicom import transfer_syntaxes, writer
from app.dicom.charsets import NAME, TEXT, CharacterSet, character_set
from app.dicom.elements import PIXEL_DATA, Element, name
from app.dicom.part10 import Part10
from app.errors import InvalidInstance

_SOP_CLASS_UID, _SOP_INSTANCE_UID = 0x00080016, 0x00080018
_PATIENT_ID, _PATIENT_IDENTITY_REMOVED, _STUDY_INSTANCE_UID = 0x00100020, 0x00120062, 0x0020000D
_BURNED_IN_ANNOTATION: Final = 0x00280301
_OVERLAY_BIT_POSITION: Final = 0x60000102
_CHARACTER_SET: Final = 0x00080005
#: Classes that are remembered; there are some 200, but instances may name any.
_MOST_CLASSES: Final = 512
_UID = re.compile(r"[0-9.]{1,64}")
_TEXTS: Final = frozenset(
    {"AE", "AS", "CS", "DA", "DT", "LO", "LT", "PN", "SH", "ST", "TM", "UC", "UR", "UT"}
)
_PIXELS: Final = (0x7FE00008, 0x7FE00009, PIXEL_DATA)


class Question(StrEnum):
    """What a person has to decide before an instance goes out."""

    DOCUMENT = "an encapsulated document was taken out; somebody has to read it"
    BURNED_IN = "text may be burned into the pixels"
    GRAPHICS = "an overlay lies in unused bits of the pixels"
    DATES = "a date moved to before 1900 or after today"
    NOT_DE_IDENTIFIED = "it says that it is de-identified, and is not"


@dataclass(frozen=True)
class Result:
    """An instance as it goes out, and its SOP Instance UID.

    `chunks` lie partly in the bytes of the source, which must stay there; those of blanked pixels are made as
    they are read, and raise what that does.
    """

    chunks: Iterator[Chunk]
    transfer_syntax_uid: str
    instance: str
    uids: Mapping[str, str]
    changes: list[Change]
    questions: tuple[Question, ...]
    unknown: frozenset[str]
    document: bytes | None = None


@dataclass(frozen=True)
class Rules:
    """What instances are de-identified by; the same for all of a collection."""

    policy: Policy
    identities: Identities
    _compiled: dict[str, Decisions] = field(default_factory=dict, repr=False, compare=False)

    def decisions(self, sop_class_uid: str) -> Decisions:
        """The policy for the objects of a class."""
        if sop_class_uid not in self._compiled:
            if len(self._compiled) >= _MOST_CLASSES:
                self._compiled.clear()
            self._compiled[sop_class_uid] = Decisions(self.policy, sop_class_uid)
        return self._compiled[sop_class_uid]

    def cleaner(self, patient: str, identifiers: Identifiers) -> Cleaner:
        """What cleans the texts of a patient, of whom this is known."""
        days = None
        if self.policy.has(Option.RETAIN_MODIFIED_DATES):
            days = self.identities.shift(patient)
        elif self.policy.has(Option.RETAIN_FULL_DATES):
            days = 0
        return Cleaner(identifiers, days, self.identities.uid)


def patient_of(part10: Part10) -> str:
    """What tells one patient from another at the source; without a Patient ID, the study does."""
    return _first(part10, _PATIENT_ID) or f"study {part10.text(_STUDY_INSTANCE_UID)}"


def is_removed(part10: Part10) -> bool:
    """Whether it says that it is de-identified already."""
    return part10.text(_PATIENT_IDENTITY_REMOVED) == "YES"


def texts(part10: Part10) -> Iterator[tuple[int, str, str]]:
    """Every text of an instance, of every depth: tag, VR and value."""
    yield from _texts(part10, part10.dataset, CharacterSet())


def deidentify(
    part10: Part10,
    rules: Rules,
    cleaner: Cleans,
    blanked: Blanked | None = None,
    pixels: PixelsSeen = UNSEEN,
) -> Result:
    """The instance de-identified; `cleaner` knows its patient, `pixels` what is known of its pixels.

    Equal arguments give equal bytes. Raises InvalidInstance where a UID is missing or none.
    """
    instance = require(part10, _SOP_INSTANCE_UID)
    sop_class = require(part10, _SOP_CLASS_UID)
    syntax = blanked.transfer_syntax_uid if blanked else part10.transfer_syntax_uid
    if not (_UID.fullmatch(sop_class) and _UID.fullmatch(syntax)):
        raise InvalidInstance("Its SOP class or its transfer syntax is named by what is no UID.")
    patient = patient_of(part10)
    identities = rules.identities
    walk = Walk(
        part10,
        rules.decisions(sop_class),
        identities,
        cleaner,
        identities.patient_id(patient),
        identities.shift(patient),
    )
    elements: dict[int, Iterable[Chunk]] = {**walk.data_set(part10.dataset, OUTERMOST)}
    document = documents.taken_out(part10, elements, walk.encoding)
    if blanked:
        elements |= blanked.elements
    has_pixels = any(tag in elements for tag in _PIXELS)
    elements |= output.flags(rules.policy, walk.encoding, pixels, has_pixels)
    elements |= _always(walk, elements)
    new = walk.record.uids.get(instance, instance)
    meta = writer.preamble(sop_class, new, syntax)
    chunks = (chunk for tag in sorted(elements) for chunk in elements[tag])
    return Result(
        _file(meta, chunks, transfer_syntaxes.get(syntax).deflated),
        syntax,
        new,
        walk.record.uids,
        walk.record.changes,
        tuple(_questions(part10, walk, document, has_pixels, pixels)),
        frozenset(walk.record.unknown),
        document,
    )


def require(part10: Part10, tag: int) -> str:
    """The text of an attribute that every instance has. Raises InvalidInstance."""
    value = part10.text(tag)
    if not value:
        raise InvalidInstance(f"{name(tag)} is missing; every instance has it.")
    if "\\" in value:
        raise InvalidInstance(f"{name(tag)} has more than one value.")
    if (element := part10.get(tag)) and element.vr not in ("UI", "UN"):
        raise InvalidInstance(f"{name(tag)} is written as {element.vr}; it is a UID.")
    return value


def _always(walk: Walk, elements: Mapping[int, Iterable[Chunk]]) -> dict[int, list[Chunk]]:
    """Who the patient is now, where the source left it out."""
    charset = walk.place(walk.part10.dataset).charset
    called = charset.encode(walk.patient_id)
    wanted = {0x00100010: "PN", _PATIENT_ID: "LO"}
    return {
        tag: [walk.encoding.element(tag, vr, called)] for tag, vr in wanted.items() if tag not in elements
    }


def finished(
    part10: Part10, rules: Rules, cleaner: Cleans, blanked: Blanked | None, pixels: PixelsSeen
) -> tuple[list[Change], Iterator[Chunk]] | None:
    """A de-identified instance gone through once more: its texts, by what is known by now, and its pixels.

    What changed in the texts, and the instance; None where nothing is to be changed.
    """
    sop_class, instance = require(part10, _SOP_CLASS_UID), require(part10, _SOP_INSTANCE_UID)
    walk = Walk(
        part10, Again(rules.policy, sop_class), rules.identities, cleaner, part10.text(_PATIENT_ID), 0
    )
    elements: dict[int, Iterable[Chunk]] = {**walk.data_set(part10.dataset, OUTERMOST)}
    if not (walk.record.changes or blanked or pixels.clean):
        return None
    elements |= blanked.elements if blanked else {}
    if pixels.clean:
        elements |= output.flags(rules.policy, walk.encoding, pixels, has_pixels=True)
    syntax = blanked.transfer_syntax_uid if blanked else part10.transfer_syntax_uid
    meta = writer.preamble(sop_class, instance, syntax)
    chunks = (chunk for tag in sorted(elements) for chunk in elements[tag])
    return walk.record.changes, _file(meta, chunks, transfer_syntaxes.get(syntax).deflated)


def left_over(result: Result, identities: Identities) -> tuple[str, ...]:
    """Standard attributes of what says that it is de-identified that still hold what the policy takes out."""
    nothing = identities.trace(b"")
    went = (each for each in result.changes if each.action in (Action.REMOVE, Action.EMPTY))
    return tuple(
        sorted({each.attribute for each in went if each.trace != nothing and "[" not in each.attribute})
    )


def stated(part10: Part10, result: Result) -> Iterator[Question]:
    """What speaks against an instance that says that it is de-identified, by what else it says."""
    if result.document is not None:
        yield Question.DOCUMENT
    if part10.text(_BURNED_IN_ANNOTATION) == "YES":
        yield Question.BURNED_IN
    if _has_graphics(part10):
        yield Question.GRAPHICS


def _questions(
    part10: Part10, walk: Walk, document: bytes | None, has_pixels: bool, pixels: PixelsSeen
) -> Iterator[Question]:
    if document is not None:
        yield Question.DOCUMENT
    if _has_graphics(part10):
        yield Question.GRAPHICS
    asked = walk.decisions.policy.has(Option.CLEAN_PIXEL_DATA)
    doubtful = pixels.doubtful if asked else part10.text(_BURNED_IN_ANNOTATION) == "YES"
    if has_pixels and not pixels.clean and doubtful:
        yield Question.BURNED_IN
    if walk.record.odd_dates:
        yield Question.DATES


def _has_graphics(part10: Part10) -> bool:
    """Whether overlays lie in unused bits of the pixels, where no picture shows them (PS3.5-2004 8.1.2)."""
    planes = (each.tag for each in part10.dataset if each.tag & 0xFF01FFFF == _OVERLAY_BIT_POSITION)
    return any(part10.number(tag) for tag in planes)


def _file(meta: bytes, chunks: Iterator[Chunk], deflated: bool) -> Iterator[Chunk]:
    yield meta
    yield from writer.deflated(chunks) if deflated else chunks


def _texts(part10: Part10, elements: list[Element], charset: CharacterSet) -> Iterator[tuple[int, str, str]]:
    for element in elements:
        if element.items is not None:
            for item in element.items:
                yield from _texts(part10, item, charset)
        elif element.tag == _CHARACTER_SET:
            charset = character_set(part10.value(element))
        elif element.vr in _TEXTS and element.length:
            yield element.tag, element.vr, charset.decode(part10.value(element), _delimiters(element))[0]


def _delimiters(element: Element) -> bytes:
    return NAME if element.vr == "PN" else TEXT


def _first(part10: Part10, tag: int) -> str:
    """The text of an element of the data set, in its character set."""
    wanted = [element for element in part10.dataset if element.tag in (_CHARACTER_SET, tag)]
    return next((text for at, _, text in _texts(part10, wanted, CharacterSet()) if at == tag), "").strip(
        " \0"
    )
