"""When a check passes, for each of MIDI-B's ten types."""

import re
from collections.abc import Callable

import numpy as np
from pydicom import DataElement

from tests.deid.drawing import legible
from tests.deid.judge.cases import Case
from tests.deid.judge.maps import Maps
from tests.deid.judge.paths import find, text, values
from tests.deid.key import Action, Check

_STOP = (
    "a an and are as at by call dr for from has id in is it mr mrn mrs ms of on or other phone prof tel "
    "that the to was with"
)
#: Words that say nothing, titles and labels among them; whether they stay is not asked.
STOP = frozenset(_STOP.split())
_WORD = re.compile(r"\d+(?:\.\d+)?|[^\W\d_]+")
_TOKEN = re.compile(r"[^\W_]+")
#: These pass where the whole instance is gone.
GONE = frozenset({Action.TEXT_REMOVED, Action.DATE_SHIFTED, Action.UID_CHANGED, Action.PIXELS_HIDDEN})


def passes(check: Check, case: Case, maps: Maps) -> bool:
    """Whether what is asked is so."""
    if case.after is None:
        return check.action in GONE
    if check.action in _PIXELS:
        return _PIXELS[check.action](check, case)
    element = find(case.after, check.path)
    return _ELEMENTS[check.action](check, element, maps)


def _tag_retained(check: Check, element: DataElement | None, maps: Maps) -> bool:
    return element is not None


def _text_notnull(check: Check, element: DataElement | None, maps: Maps) -> bool:
    return element is not None and bool(text(element).strip())


def _text_retained(check: Check, element: DataElement | None, maps: Maps) -> bool:
    """All words but the stop words are there; numbers are the same as numbers."""
    return element is not None and _words(check.text) <= _words(text(element))


def _text_removed(check: Check, element: DataElement | None, maps: Maps) -> bool:
    """The whole text is gone, and every word of it."""
    if element is None:
        return True
    old, new = check.text.casefold(), text(element).casefold()
    # An age stands in other numbers by chance: 94 in 1994.
    age = rf"(?<!\d){old}(?!\d)" if old.isdigit() and len(old) < 3 else ""
    if re.search(age or re.escape(old), new):
        return False
    left = set(_TOKEN.findall(new))
    return not any(word in left for word in _TOKEN.findall(old) if len(word) > 1)


def _date_shifted(check: Check, element: DataElement | None, maps: Maps) -> bool:
    """The old date is not in the new value."""
    old = check.text if check.form or element is None or element.VR in {"SL", "UL", "IS"} else check.text[:8]
    return element is None or old not in text(element)


def _uid_changed(check: Check, element: DataElement | None, maps: Maps) -> bool:
    return element is None or check.text not in text(element)


def _uid_consistent(check: Check, element: DataElement | None, maps: Maps) -> bool:
    """It is what the map says, everywhere."""
    return element is None or maps.uids.get(check.text) in values(element)


def _patid_consistent(check: Check, element: DataElement | None, maps: Maps) -> bool:
    return element is not None and text(element) == maps.patients.get(check.text)


def _pixels_hidden(check: Check, case: Case) -> bool:
    """No letter of the text can be made out in any frame."""
    pixels, drawn = case.pixels_after, check.drawn
    if pixels is None or drawn is None:
        return True
    grey = pixels.astype(np.float64).mean(axis=3)
    return not legible(grey, check.text, drawn.row, drawn.column, drawn.size)


def _pixels_retained(check: Check, case: Case) -> bool:
    """Every sample of every frame is the same."""
    before, after = case.pixels_before, case.pixels_after
    return before is not None and after is not None and np.array_equal(before, after)


_ELEMENTS: dict[Action, Callable[[Check, DataElement | None, Maps], bool]] = {
    Action.TAG_RETAINED: _tag_retained,
    Action.TEXT_NOTNULL: _text_notnull,
    Action.TEXT_RETAINED: _text_retained,
    Action.TEXT_REMOVED: _text_removed,
    Action.DATE_SHIFTED: _date_shifted,
    Action.UID_CHANGED: _uid_changed,
    Action.UID_CONSISTENT: _uid_consistent,
    Action.PATID_CONSISTENT: _patid_consistent,
}
_PIXELS: dict[Action, Callable[[Check, Case], bool]] = {
    Action.PIXELS_HIDDEN: _pixels_hidden,
    Action.PIXELS_RETAINED: _pixels_retained,
}


def _words(value: str) -> set[str | float]:
    found = (word.casefold() for word in _WORD.findall(value))
    return {float(word) if word[0].isdigit() else word for word in found if word not in STOP}
