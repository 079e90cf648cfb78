"""The answer key: what a check is, in MIDI-B's ten types, and all that goes with the checks of a corpus."""

import json
from dataclasses import asdict, dataclass, field
from datetime import date
from enum import StrEnum
from pathlib import Path


class Action(StrEnum):
    """What is asked of one place in one instance."""

    TAG_RETAINED = "tag_retained"
    TEXT_NOTNULL = "text_notnull"
    TEXT_RETAINED = "text_retained"
    TEXT_REMOVED = "text_removed"
    DATE_SHIFTED = "date_shifted"
    UID_CHANGED = "uid_changed"
    UID_CONSISTENT = "uid_consistent"
    PATID_CONSISTENT = "patid_consistent"
    PIXELS_HIDDEN = "pixels_hidden"
    PIXELS_RETAINED = "pixels_retained"


@dataclass(frozen=True, slots=True)
class Drawn:
    """A text in the pixels: its upper left corner, and the height of its letters in pixels."""

    row: int
    column: int
    size: int


@dataclass(frozen=True, slots=True)
class Check:
    """One question: of the instance (its SOP Instance UID before), at a path, with the text in question.

    `form` is how a date stands in a text (strftime), or "" where the element is the date.
    """

    instance: str
    patient: str
    action: Action
    path: str
    text: str = ""
    why: str = ""
    form: str = ""
    drawn: Drawn | None = None


@dataclass(slots=True)
class Key:
    """Everything the scorer needs to know of a corpus."""

    checks: list[Check] = field(default_factory=list)
    #: By Patient ID: texts that may be found nowhere afterwards.
    canaries: dict[str, set[str]] = field(default_factory=dict)
    #: By Patient ID: every date that was planted, the date of birth too.
    dates: dict[str, set[date]] = field(default_factory=dict)
    #: Every UID of the corpus begins so, and no other does.
    root: str = ""
    #: By SOP Instance UID: the file below the source folder, and its Patient ID.
    files: dict[str, str] = field(default_factory=dict)
    patients: dict[str, str] = field(default_factory=dict)
    #: By SOP Instance UID: everything outside these regions (row, column, row, column) may be blanked too.
    regions: dict[str, tuple[int, int, int, int]] = field(default_factory=dict)

    _drawn: dict[str, list[Check]] = field(default_factory=dict, repr=False)

    def drawn(self, instance: str) -> list[Check]:
        """The texts in the pixels of an instance."""
        if not self._drawn:
            for check in self.checks:
                self._drawn.setdefault(check.instance, []).extend([check] if check.drawn else [])
        return self._drawn.get(instance, [])

    def save(self, path: Path) -> None:
        """As JSON."""
        told = asdict(self)
        del told["_drawn"]
        path.write_text(json.dumps(told, default=_plain, ensure_ascii=False, indent=1))


def _plain(value: object) -> object:
    return sorted(map(str, value)) if isinstance(value, set) else str(value)
