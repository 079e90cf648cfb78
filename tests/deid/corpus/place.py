"""Where something is planted: a data set at a path, with the sheet on which the checks are written."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Any

from pydicom import DataElement, Dataset, Sequence, config
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.tag import BaseTag, Tag

from tests.deid.corpus.marked import marked
from tests.deid.corpus.people import Person
from tests.deid.key import Action, Check, Drawn, Key

#: Shorter values are no canaries, they are found by chance: in ASCII, and in other characters.
SHORTEST_CANARY, SHORTEST_OTHER = 5, 3


@dataclass(frozen=True, slots=True)
class Private:
    """A private element: its group, creator and element number in the block, which is at `block`."""

    group: int
    creator: str
    element: int
    vr: str
    block: int = 0x10

    @property
    def tag(self) -> BaseTag:
        """With its block."""
        return Tag(self.group, self.block << 8 | self.element)

    @property
    def path(self) -> str:
        """As the answer key names it, free of the block."""
        return f'({self.group:04X},"{self.creator}",{self.element:02X})'


At = str | Private


@dataclass(frozen=True)
class Place:
    """A data set under construction, top level or item."""

    dataset: Dataset
    person: Person
    key: Key
    instance: str
    prefix: str = ""
    why: str = ""

    def about(self, why: str) -> "Place":
        """The same place, for a planting of this kind."""
        return replace(self, why=why)

    def put(self, at: At, value: Any) -> str:
        """Set an element of which nothing is asked; its path."""
        if isinstance(at, str):
            tag = _tag(at)
            self.dataset.add_new(tag, dictionary_VR(tag).split(" ")[0], value)
            return f"{self.prefix}({tag.group:04X},{tag.element:04X})"
        self.dataset.add_new(Tag(at.group, at.block), "LO", at.creator)
        self.dataset.add_new(at.tag, at.vr, value)
        return self.prefix + at.path

    def puts(self, **values: Any) -> None:
        """Set elements of which nothing is asked."""
        for keyword, value in values.items():
            self.put(keyword, value)

    def check(
        self, action: Action, path: str, text: str = "", form: str = "", drawn: Drawn | None = None
    ) -> None:
        """Ask something of this instance."""
        asked = Check(self.instance, self.person.id, action, path, text, self.why, form, drawn)
        self.key.checks.append(asked)

    def goes(self, at: At, value: Any, *canaries: str) -> None:
        """Set an element whose whole text must go."""
        path = self.put(at, value)
        self.check(Action.TEXT_REMOVED, path, _text(value))
        self.canary(*canaries)

    def stays(self, at: At, value: Any) -> None:
        """Set an element that must keep its text."""
        path = self.put(at, value)
        self.check(Action.TAG_RETAINED, path)
        self.check(Action.TEXT_NOTNULL, path)
        self.check(Action.TEXT_RETAINED, path, _text(value))

    def text(self, at: At, template: str) -> None:
        """Set a text some of which goes; see `marked`."""
        told = marked(template)
        path = self.put(at, told.text)
        if told.stays:
            self.check(Action.TAG_RETAINED, path)
            self.check(Action.TEXT_RETAINED, path, told.stays)
        for text in told.goes:
            self.check(Action.TEXT_REMOVED, path, text)
            self.canary(text)
        for text, form in told.dates:
            self.check(Action.DATE_SHIFTED, path, text, form)
            self.days([datetime.strptime(text, form).date()])
        for uid in told.uids:
            self.check(Action.UID_CHANGED, path, uid)

    def names(self, at: At, template: str) -> None:
        """Set a text whose marked parts must go; of the rest nothing is asked."""
        told = marked(template)
        path = self.put(at, told.text)
        for text in told.goes:
            self.check(Action.TEXT_REMOVED, path, text)

    def date(self, at: At, value: str | list[str] | int) -> None:
        """Set a date, a date and time, several of them, or seconds since 1970; it is kept and moves."""
        path = self.put(at, value)
        self.check(Action.TAG_RETAINED, path)
        for each in value if isinstance(value, list) else [value]:
            self.check(Action.DATE_SHIFTED, path, str(each))
            self.days([_date(each)])

    def uid(self, at: At, value: str | list[str]) -> None:
        """Set one UID or several, which are replaced."""
        path = self.put(at, value)
        self.check(Action.TAG_RETAINED, path)
        for each in value if isinstance(value, list) else [value]:
            self.check(Action.UID_CHANGED, path, each)
            self.check(Action.UID_CONSISTENT, path, each)

    def item(self, at: At) -> "Place":
        """A new item, the last one of a sequence that is made where there is none."""
        tag = at.tag if isinstance(at, Private) else _tag(at)
        items = self.dataset[tag].value if tag in self.dataset else []
        item = Dataset()
        path = self.put(at, Sequence([*items, item]))
        return replace(self, dataset=item, prefix=f"{path}[{len(items)}]")

    def code(self, at: str, value: str, scheme: str, meaning: str) -> "Place":
        """An item with a code, which stays."""
        item = self.item(at)
        item.puts(CodeValue=value, CodingSchemeDesignator=scheme)
        item.stays("CodeMeaning", meaning)
        return item

    def canary(self, *texts: str) -> None:
        """These may be found nowhere in what is written for the patient."""
        kept = self.key.canaries.setdefault(self.person.id, set())
        kept.update(text for text in texts if _long(text) and not self._ordinary(text))

    def days(self, dates: Iterable[date]) -> None:
        """Dates of the patient, which may be found nowhere."""
        self.key.dates.setdefault(self.person.id, set()).update(dates)

    def _ordinary(self, text: str) -> bool:
        return self.person.medical and text.casefold() == self.person.family.casefold()

    def raw(self, tag: int, vr: str, value: bytes) -> None:
        """Set an element by its bytes, as it is: UN stays UN."""
        known, config.replace_un_with_known_vr = config.replace_un_with_known_vr, False
        self.dataset.add(DataElement(Tag(tag), vr, value))
        config.replace_un_with_known_vr = known


def _tag(keyword: str) -> BaseTag:
    found = tag_for_keyword(keyword)
    if found is None:
        raise KeyError(keyword)
    return Tag(found)


def _date(value: str | int) -> date:
    if isinstance(value, int):
        return datetime.fromtimestamp(value, UTC).date()
    return date(int(value[:4]), int(value[4:6]), int(value[6:8]))


def _long(text: str) -> bool:
    return len(text) >= (SHORTEST_CANARY if text.isascii() else SHORTEST_OTHER)


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode("latin-1").rstrip("\0 ")
    return "\\".join(map(str, value)) if isinstance(value, list) else str(value)
