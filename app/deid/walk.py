"""The walk over the elements of an instance, every depth, each by what the policy decides."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from typing import Final, NamedTuple, Protocol

from app.deid import replacements
from app.deid.actions import Action
from app.deid.decisions import UNKNOWN_PRIVATE, Decision, Decisions, Path
from app.deid.encoding import Chunk, Encoding, Originals
from app.deid.identity import Identities
from app.dicom.attributes import private_key
from app.dicom.charsets import NAME, TEXT, CharacterSet, character_set
from app.dicom.elements import Element
from app.dicom.part10 import Part10
from app.dicom.scanner import Scanner

_CHARACTER_SET: Final = 0x00080005
#: Groups below are commands and meta information, which have no place in a data set; nor have delimiters.
_FIRST, _DELIMITERS = 0x00040000, 0xFFFE0000
#: VRs whose values may be text or anything else.
_UNTOLD: Final = frozenset({"UN", "OB"})
_STAYS: Final = frozenset({Action.KEEP, Action.CLEAN})
_CONTROL: Final = re.compile(rb"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f\x7f]")
#: Texts in which a backslash is a character like others (PS3.5 section 6.2).
_SINGLE: Final = frozenset({"LT", "ST", "UT"}) | _UNTOLD
_ORPHAN: Final = Decision(Action.REMOVE, "private without a creator")
_NAMED: Final = Decision(Action.CLEAN, "a code that identifies the patient")
#: VRs in which nobody writes text, and what stands in those that are numbers.
_CODES: Final = frozenset({"CS", "DS", "IS", "TM"})
_NUMBER: Final = b"0123456789+-.eE: \\\0"
_CLOSED: Final = Decision(Action.REMOVE, "a sequence that cannot be read")
#: How items begin in either byte order.
_ITEMS: Final = (b"\xfe\xff\x00\xe0", b"\xff\xfe\xe0\x00")
#: What a cleaned device text may lose: its digits are versions.
_VERSIONS: Final = frozenset({"date", "number", "phone", "uid", "age"})

Chunks = list[Chunk]


class Cleans(Protocol):
    """What takes identifiers out of text, and says which kinds."""

    def clean(self, text: str) -> tuple[str, frozenset[str]]:
        """The text without them."""

    def knows(self, text: str) -> bool:
        """Whether it holds the patient's own."""


class Change(NamedTuple):
    """One line of the log: where, what was done, by which rule, and the keyed hash of what stood there.

    `within` are the items around the attribute: `00081140[0].`, or nothing.
    """

    within: str
    attribute: str
    action: Action
    rule: str
    trace: str


@dataclass
class Record:
    """What a walk did: UIDs given, changes made, private attributes that nobody knows."""

    uids: dict[str, str] = field(default_factory=dict)
    changes: list[Change] = field(default_factory=list)
    unknown: set[str] = field(default_factory=set)
    odd_dates: bool = False


class Place(NamedTuple):
    """Where the walk is: within which sequence, at which path, written how."""

    parent: int | None
    path: Path
    written: str
    charset: CharacterSet


OUTERMOST: Final = Place(None, (), "", CharacterSet())


@dataclass
class Walk:
    """One instance's. `patient_id` is the new one, `days` its shift."""

    part10: Part10
    decisions: Decisions
    identities: Identities
    cleaner: Cleans
    patient_id: str
    days: int
    record: Record = field(default_factory=Record)

    def __post_init__(self) -> None:
        self.encoding = Encoding(self.part10.little_endian, self.part10.explicit)
        self._originals = Originals(self.part10, self.encoding)
        self._today = f"{date.today():%Y%m%d}"
        self._scanner = Scanner(self.part10.data, self.part10.little_endian)
        self._does: dict[Action, Callable[[Element, Place, Decision], bytes | None]] = {
            Action.EMPTY: lambda element, place, decision: b"",
            Action.DUMMY: lambda element, place, decision: replacements.dummy(element.vr),
            Action.UID: self._uid,
            Action.SHIFT: self._shift,
            Action.EPOCH: self._epoch,
            Action.CLEAN: self._clean,
            Action.AGE: lambda element, place, decision: self._each(element, replacements.coarser_age),
            Action.PATIENT_ID: lambda element, place, decision: place.charset.encode(self.patient_id),
        }

    def data_set(self, elements: list[Element], place: Place) -> dict[int, Chunks]:
        """What is written for each element of a data set; nothing for those that go."""
        place = self.place(elements, place)
        creators = self._creators(elements)
        used: set[int] = set()
        out: dict[int, Chunks] = {}
        for element in elements:
            tag = element.tag
            if tag & 0xFFFF == 0 or tag in creators or not _FIRST <= tag < _DELIMITERS:
                continue
            if tag & 0x10000:
                chunks = self._private(element, creators.get(_reserved(tag)), place)
                used |= {_reserved(tag)} if chunks is not None else set()
            else:
                chunks = self._standard(element, place)
            if chunks is not None:
                out[tag] = chunks
        kept = {element.tag: self._originals.whole(element) for element in elements if element.tag in used}
        return out | kept

    def _standard(self, element: Element, place: Place) -> Chunks | None:
        element = self._scanner.disguised(element, len(place.path))
        tag = element.tag
        key = f"{tag:08X}"
        path = (*place.path, key)
        decision = self.decisions.of_standard(tag, element.vr, path, place.parent)
        return self._done(element, decision, place._replace(path=path), key)

    def _private(self, element: Element, creator: str | None, place: Place) -> Chunks | None:
        tag = element.tag
        if creator is None:
            return self._done(element, _ORPHAN, place, f"{tag:08X}")
        element = self._scanner.disguised(element, len(place.path))
        key = private_key(f"{tag:08X}", creator)
        path = (*place.path, key)
        decision = self.decisions.of_private(tag, creator, element.vr, path)
        if decision.rule.startswith(UNKNOWN_PRIVATE) and self.cleaner.knows(creator):
            return self._done(element, _ORPHAN, place, f"{tag:08X}")
        if decision.rule == UNKNOWN_PRIVATE:
            self.record.unknown.add(".".join(path))
        return self._done(element, decision, place._replace(path=path), key)

    def _done(self, element: Element, decision: Decision, place: Place, key: str) -> Chunks | None:
        if decision.action in _STAYS and self._is_closed(element):
            decision = _CLOSED
        elif decision.action is Action.KEEP and self._names_the_patient(element, place):
            decision = _NAMED
        action = decision.action
        if action is Action.KEEP and element.items is None:
            return self._originals.whole(element)
        if action is Action.REMOVE:
            self._log(place, key, decision, self._originals.value(element))
            return None
        if element.items is not None:
            return self._sequence(element, decision, place, key)
        old = self._originals.value(element)
        if not old and action not in (Action.DUMMY, Action.PATIENT_ID):
            return self._originals.whole(element)
        new = self._does[action](element, place, decision)
        if new is None or new == old:
            return self._originals.whole(element)
        self._log(place, key, decision, old)
        return [self.encoding.element(element.tag, element.vr, new)]

    def _names_the_patient(self, element: Element, place: Place) -> bool:
        """Whether a code or a number is in truth a text that has the patient's own identifiers."""
        if element.vr not in _CODES or element.items is not None:
            return False
        value = self._originals.value(element)
        if element.vr != "CS" and not value.strip(_NUMBER):
            return False
        return self.cleaner.knows(place.charset.decode(value)[0])

    def _is_closed(self, element: Element) -> bool:
        """Whether its bytes are items that the walk cannot look into: they might hold anything."""
        untold = element.vr == "UN" or (
            element.vr == "OB" and element.tag & 0x10000 and not element.fragments
        )
        return bool(untold) and self.part10.data[element.offset : element.offset + 4] in _ITEMS

    def _sequence(self, element: Element, decision: Decision, place: Place, key: str) -> Chunks | None:
        if decision.action is Action.EMPTY:
            self._log(place, key, decision, self._originals.value(element))
            return [self.encoding.element(element.tag, "SQ", b"")]
        items = []
        for number, item in enumerate(element.items or ()):
            inner = Place(element.tag, place.path, f"{place.written}{key}[{number}].", place.charset)
            found = self.data_set(item, inner)
            items.append([chunk for tag in sorted(found) for chunk in found[tag]])
        return self.encoding.sequence(element.tag, items)

    def _log(self, place: Place, key: str, decision: Decision, old: bytes) -> None:
        trace = self.identities.trace(old)
        self.record.changes.append(Change(place.written, key, decision.action, decision.rule, trace))

    def _creators(self, elements: list[Element]) -> dict[int, str]:
        """The private creators of a data set by their own tags."""
        return {
            element.tag: self._originals.value(element).decode("latin-1").strip(" \0")
            for element in elements
            if element.tag & 0x10000 and 0x10 <= element.tag & 0xFFFF <= 0xFF and element.items is None
        }

    def place(self, elements: list[Element], place: Place = OUTERMOST) -> Place:
        """Where the elements of a data set are, read in its own character set."""
        own = next((e for e in elements if e.tag >= _CHARACTER_SET), None)
        if own is None or own.tag != _CHARACTER_SET:
            return place
        return place._replace(charset=character_set(self._originals.value(own)))

    def _uid(self, element: Element, place: Place, decision: Decision) -> bytes | None:
        return self._each(element, self._mapped)

    def _mapped(self, old: str) -> str:
        old = old.strip(" \0")
        if not old:
            return ""
        new = self.identities.uid(old)
        if new != old:
            self.record.uids[old] = new
        return new

    def _shift(self, element: Element, place: Place, decision: Decision) -> bytes | None:
        if element.vr == "DT":
            return self._each(element, self._moment)
        if element.vr == "DA":
            return self._each(element, self._date)
        return self._clean(element, place, decision)

    def _date(self, value: str) -> str:
        return self._plausible(replacements.shifted_date(value, self.days))

    def _moment(self, value: str) -> str:
        return self._plausible(replacements.shifted_moment(value, self.days))

    def _plausible(self, moved: str) -> str:
        day = moved.replace(".", "")[:8]
        self.record.odd_dates = self.record.odd_dates or "" < day < "1900" or day > self._today
        return moved

    def _epoch(self, element: Element, place: Place, decision: Decision) -> bytes | None:
        number = replacements.integer(self._originals.value(element), element.vr, self.part10.little_endian)
        if number is None:
            return b""
        moved = replacements.shifted_epoch(number, self.days)
        return replacements.written(moved, element.vr, self.part10.little_endian) or b""

    def _each(self, element: Element, change: Callable[[str], str]) -> bytes:
        """Every value of an element of the default repertoire."""
        values = self._originals.value(element).decode("latin-1").split("\\")
        return "\\".join(change(value) if value.strip(" \0") else value for value in values).encode("latin-1")

    def _clean(self, element: Element, place: Place, decision: Decision) -> bytes | None:
        """Text without what identifies; None where there is nothing to take out."""
        old = self._originals.value(element)
        if element.vr in _UNTOLD and not _readable(old):
            return None
        text, _ = place.charset.decode(old, NAME if element.vr == "PN" else TEXT)
        values = [text] if element.vr in _SINGLE else text.split("\\")
        cleaned = [self.cleaner.clean(value) for value in values]
        kinds = frozenset().union(*(went for _, went in cleaned))
        if not kinds or (decision.loosely and kinds <= _VERSIONS and not self.cleaner.knows(text)):
            return None
        left = "\\".join(value for value, _ in cleaned)
        return place.charset.encode(left) if left.strip(" \\\0") else replacements.dummy(element.vr)


def _reserved(tag: int) -> int:
    """The tag of the creator that reserves a private attribute's block (PS3.5 section 7.8.1)."""
    return tag >> 16 << 16 | (tag & 0xFFFF) >> 8


def _readable(value: bytes) -> bool:
    """Whether the bytes of an unknown VR may be text: no control characters but those that text has."""
    return _CONTROL.search(value.rstrip(b"\0")) is None
