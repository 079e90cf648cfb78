"""The words of a patient's names and of those of the people around, in every spelling."""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import combinations, permutations

from app.deid.folding import fold, spellings
from app.deid.identifiers import PATIENT, PERSON, Identifiers
from app.deid.vocabulary import NOBODY, is_nobody, is_ordinary

#: The beginning of a patient's name that still tells who it is, where a label was cut off.
_SHORTEST_FRAGMENT = 6
_RUN = re.compile(r"[^\W\d_]+")
#: Kana, ideographs, Hangul, and kana of half width.
_SPACELESS = re.compile(
    "[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uac00-\ud7a3\uff66-\uff9f\U00020000-\U0002fa1f]"
)


@dataclass(slots=True)
class Lexicon:
    """Folded words of names: who bears each, which are sure; initials; names without spaces."""

    bearers: dict[str, set[int]] = field(default_factory=dict)
    sure: set[str] = field(default_factory=set)
    initials: dict[str, set[int]] = field(default_factory=dict)
    phrases: set[str] = field(default_factory=set)

    def add(self, word: str, person: int) -> None:
        """A part of this person's name."""
        if len(word) == 1:
            self.initials.setdefault(word, set()).add(person)
            return
        self.bearers.setdefault(word, set()).add(person)
        self.initials.setdefault(word[0], set()).add(person)
        if not is_ordinary(word):
            self.sure.add(word)


def lexicon(identifiers: Identifiers) -> Lexicon:
    """The words of all names among these identifiers."""
    found = Lexicon()
    persons = [(PATIENT, name) for name in identifiers.of(PATIENT)]
    persons += [(PERSON, name) for name in identifiers.of(PERSON)]
    for person, (kind, name) in enumerate(persons):
        if not is_nobody(name):
            for group in name.split("="):
                _add_group(found, group, person, kind == PATIENT)
    return found


def _add_group(found: Lexicon, group: str, person: int, patient: bool) -> None:
    """One component group; prefix and suffix (`Dr`, `MD`) are no names (PS3.5 section 6.2.1.2)."""
    components = [component.strip() for component in group.split("^")][:3]
    if _SPACELESS.search(group):
        found.phrases |= _spaceless(components)
        return
    written = [word for component in components for word in re.split(r"[\s,.;()/]+", component) if word]
    for word in (spelling for each in written for spelling in _written(each)):
        found.add(word, person)
        if patient:
            _add_fragments(found, word, person)
    for a, b in permutations(written[:5], 2):
        if _RUN.fullmatch(both := fold(a + b).text):
            found.add(both, person)


def _written(written: str) -> Iterator[str]:
    """The folded words of one written word: `O'Brien` is brien and obrien, `Smith-Jones` three words."""
    parts = _RUN.findall(unicodedata.normalize("NFC", written))
    for part in (*parts, "".join(parts)) if 1 < len(parts) < 5 else parts:
        yield from sorted(each for each in spellings(part) if each not in NOBODY and _RUN.fullmatch(each))


def _add_fragments(found: Lexicon, word: str, person: int) -> None:
    for length in range(_SHORTEST_FRAGMENT, len(word)):
        if not is_ordinary(word[:length]):
            found.add(word[:length], person)


def _spaceless(components: list[str]) -> set[str]:
    """Names of scripts without spaces: parts of two letters or more, and the whole."""
    parts = [part for component in components if (part := "".join(component.split()))]
    whole = {a + b for a, b in (*combinations(parts, 2), *combinations(parts[::-1], 2))}
    return {fold(part).text for part in {*parts, *whole} if len(part) > 1}
