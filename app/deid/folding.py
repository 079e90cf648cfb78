"""Text as it is compared: without case, accents and width, each letter with its place in the original."""

import re
import unicodedata
from dataclasses import dataclass
from functools import cache

_WORD = re.compile(r"[^\W\d_]+")
#: Letters that Unicode does not take apart, as they are written without them.
_LETTERS = str.maketrans({"ł": "l", "đ": "d", "ð": "d", "ø": "o", "þ": "th", "æ": "ae", "œ": "oe", "ı": "i"})
_TYPOGRAPHY = str.maketrans({"’": "'", "‘": "'", "ʼ": "'", "‐": "-", "‑": "-", "–": "-", "\xa0": " "})
#: What umlauts become in ASCII besides the bare letter.
_EXPANDED = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ø": "oe", "å": "aa"})
_CONTRACTED = (("ae", "a"), ("oe", "o"), ("ue", "u"), ("aa", "a"))


@dataclass(frozen=True, slots=True)
class Folded:
    """A folded text; `places[i]` is where its letter `i` comes from (None: from the same place)."""

    text: str
    places: list[int] | None = None

    def words(self) -> list[str]:
        """Its runs of letters."""
        return _WORD.findall(self.text)

    def span(self, start: int, end: int) -> tuple[int, int]:
        """The range of the original behind the range `start` to `end` of the folded text."""
        if self.places is None:
            return start, end
        first, last = self.places[start], self.places[end]
        # The range may end inside what one letter of the original became.
        return first, last + (end > start and self.places[end - 1] == last)


def fold(text: str) -> Folded:
    """Fold a text; its length may change, so `places` has one entry more than letters."""
    if text.isascii():
        return Folded(text.lower())
    letters: list[str] = []
    places: list[int] = []
    for place, letter in enumerate(text):
        folded = _fold_letter(letter)
        letters.append(folded)
        places += [place] * len(folded)
    # Marks that combine with the last letter of a range belong to it.
    places.append(len(text))
    return Folded("".join(letters), places)


@cache
def _fold_letter(letter: str) -> str:
    plain = unicodedata.normalize("NFKD", letter.translate(_TYPOGRAPHY).casefold())
    kept = "".join(each for each in plain if not unicodedata.category(each).startswith("M"))
    return kept.translate(_LETTERS)


def spellings(word: str) -> set[str]:
    """A word folded, and as others spell it: Müller is muller, mueller; Mueller is muller too."""
    plain = fold(word).text
    found = {plain, fold(word.lower().translate(_EXPANDED)).text}
    for pair, letter in _CONTRACTED:
        found |= {each.replace(pair, letter) for each in found if pair in each and len(each) > 4}
    return found - {""}
