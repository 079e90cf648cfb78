"""Free text without what identifies a patient: the rest of it stays as it stands.

What goes: the identifiers harvested from the patient's headers in any spelling (`names`, `phrases`), and what
identifies anyone by its form (`patterns`, `dates`). Words that are medical, numbers with units, years and
times of day stay (`vocabulary` has the rule for names that are words).
"""

import re
from collections.abc import Callable, Iterable, Iterator

from app.deid import chains, dates
from app.deid.cutting import Cut, cut
from app.deid.folding import fold
from app.deid.identifiers import BIRTH, Identifiers, harvest
from app.deid.lexicon import lexicon
from app.deid.names import NameFinder, alternation
from app.deid.patterns import DIGIT_FINDERS, FINDERS, third_persons
from app.deid.phrases import PhraseFinder

__all__ = ["Cleaner", "Identifiers", "harvest"]

_DIGIT = re.compile(r"\d")
_UID = re.compile(r"(?<![\w.])[012]\.(?:0|[1-9]\d{0,38})(?:\.\d{1,39})+(?!\w)")
_UID_ROOTS = (
    "1.2.840.",
    "1.3.6.1.",
    "1.3.12.",
    "1.2.276.",
    "1.2.826.",
    "2.16.",
    "2.25.",
    "1.3.46.",
    "1.2.392.",
)
_STANDARD = "1.2.840.10008."
_SHORTEST_UID, _LONGEST_UID = 14, 64
#: What is cleaned is clean again after a pass or two; a text that is not after these is made for it.
_PASSES = 8
#: Instances of a series repeat most of their texts: so many of at most this length are remembered.
_MOST_KNOWN, _LONGEST_KNOWN = 4096, 256


class Cleaner:
    """Cleans the texts of one patient; compiled once."""

    def __init__(
        self, identifiers: Identifiers, shift_days: int | None, uid: Callable[[str], str] | None = None
    ) -> None:
        """`shift_days` moves dates, `uid` gives the UID that stands for another; without them both go."""
        self._names = NameFinder(lexicon(identifiers))
        self._phrases = PhraseFinder(identifiers)
        self._births = frozenset(identifiers.of(BIRTH))
        self._shift, self._uid = shift_days, uid
        self._known: dict[str, tuple[str, frozenset[str]]] = {}
        self._owned: dict[str, bool] = {}
        words = alternation(self._names.worth)
        self._worth = re.compile(words) if words else None

    def clean(self, text: str) -> tuple[str, frozenset[str]]:
        """The text without identifiers, and the kinds of what went; the same text where there are none.

        Kinds: name, date, phone, email, address, number, url, uid, age. Takes time linear in the length.
        """
        known = self._known.get(text)
        if known is None:
            known = self._clean(text)
            if len(text) <= _LONGEST_KNOWN:
                if len(self._known) >= _MOST_KNOWN:
                    self._known.clear()
                self._known[text] = known
        return known

    def knows(self, text: str) -> bool:
        """Whether an identifier of the patient's own stands in it."""
        found = self._owned.get(text)
        if found is None:
            found = next(self._own(text), None) is not None
            if len(text) <= _LONGEST_KNOWN:
                if len(self._owned) >= _MOST_KNOWN:
                    self._owned.clear()
                self._owned[text] = found
        return found

    def _clean(self, text: str) -> tuple[str, frozenset[str]]:
        kinds: set[str] = set()
        has_digits = _DIGIT.search(text) is not None
        cleaned = self._without(text, self._uids(text), kinds) if has_digits and self._uid else text
        for _ in range(_PASSES):
            before = cleaned
            cleaned = self._remove(cleaned, kinds)
            if cleaned == before:
                return self._finish(cleaned, kinds, has_digits)
        return "", frozenset(kinds)

    def _finish(self, text: str, kinds: set[str], has_digits: bool) -> tuple[str, frozenset[str]]:
        """Dates move once, at the end, as UIDs are replaced once; where they go, `_remove` has taken them."""
        if has_digits and self._shift is not None:
            found = dates.find(text)
            if found:
                kinds.add("date")
                text = cut(text, [Cut("date", each.span, dates.moved(each, self._shift)) for each in found])
        return text, frozenset(kinds)

    def _remove(self, text: str, kinds: set[str]) -> str:
        """One pass: each finder sees what the one before has left."""
        if self._uid is None:
            text = self._without(text, self._uids(text), kinds)
        for sign, find in FINDERS:
            if sign in text:
                text = self._without(text, (Cut(*each) for each in find(text)), kinds)
        text = self._without(text, self._own(text), kinds)
        text = self._without(text, (Cut(*each) for each in third_persons(text)), kinds)
        digits = len(_DIGIT.findall(text))
        for fewest, find in DIGIT_FINDERS:
            if digits >= fewest:
                text = self._without(text, (Cut(*each) for each in find(text)), kinds)
        return self._without(text, self._gone_dates(text), kinds) if digits else text

    def _without(self, text: str, cuts: Iterable[Cut], kinds: set[str]) -> str:
        found = list(cuts)
        if not found:
            return text
        kinds |= {each.kind for each in found}
        return cut(text, found)

    def _own(self, text: str) -> Iterator[Cut]:
        """The patient's own identifiers."""
        folded = fold(text)
        yield from (Cut(kind, span) for kind, span in self._phrases.spans(text, folded))
        if self._worth is not None and self._worth.search(folded.text):
            yield from (Cut("name", span) for span in chains.spans(self._names, text, folded))

    def _gone_dates(self, text: str) -> Iterator[Cut]:
        """Dates that go: all without a shift, else the patient's birth dates."""
        for found in dates.find(text):
            if self._shift is None or found.is_birth(self._births):
                yield Cut("date", found.span)

    def _uids(self, text: str) -> Iterator[Cut]:
        for match in _UID.finditer(text):
            uid = match.group()
            if is_uid(uid) and not uid.startswith(_STANDARD):
                replace = self._uid if len(uid) <= _LONGEST_UID else None
                yield Cut("uid", match.span(), replace(uid) if replace else "")


def is_uid(text: str) -> bool:
    """Whether numbers with dots are a UID rather than a version: long, or of a root that is known."""
    return text.startswith(_UID_ROOTS) or len(text) >= _SHORTEST_UID
