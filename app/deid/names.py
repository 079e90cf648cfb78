"""A patient's names and those of the people around, found in a text however they are written.

Found: each part of a name in any case, without accents, umlauts written out or not, parts glued to each
other, to initials or to medical words (`JonesLung`, `jsmith`, `SMITH_ptv1`), full names in any order with
initials. Which parts stay is said in `vocabulary`.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby

from app.deid.folding import Folded
from app.deid.lexicon import Lexicon
from app.deid.vocabulary import PARTICLES, is_ordinary

Span = tuple[int, int]
#: Parts shorter than this are not looked for within longer words.
_SHORTEST_GLUED = 4
#: Parts at least this long are taken out of longer words whatever the rest is.
_LONG = 7
#: Words that begin alike for so many letters are told apart one by one.
_DEEPEST = 24
_RUN = re.compile(r"[^\W\d_]+")


@dataclass(frozen=True, slots=True)
class Part:
    """A range of the folded text that may be of a name: sure, an initial, or neither; who may be meant."""

    start: int
    end: int
    persons: frozenset[int]
    sure: bool = False
    initial: bool = False
    weak: bool = False


def alternation(words: Iterable[str]) -> str:
    """A pattern of these words, of two that begin alike the longer first.

    Words share their beginnings, so that what it costs to look for them does not grow with their number.
    """
    return _branches(sorted(set(words)), 0)


def _branches(words: list[str], depth: int) -> str:
    """The pattern of sorted words from `depth` on, where they begin to differ."""
    if len(words) < 2 or depth >= _DEEPEST:
        return "|".join(re.escape(word[depth:]) for word in reversed(words))
    rest = [word for word in words if len(word) > depth]
    groups = (list(group) for _, group in groupby(rest, key=lambda word: word[depth]))
    branches = [re.escape(group[0][depth]) + _grouped(group, depth + 1) for group in groups]
    # The word that ends here comes last: the longer ones first.
    return "|".join([*branches, ""] if len(rest) < len(words) else branches)


def _grouped(words: list[str], depth: int) -> str:
    pattern = _branches(words, depth)
    return pattern if len(words) == 1 else f"(?:{pattern})"


class NameFinder:
    """Finds the names of a lexicon; compiled once for a patient."""

    def __init__(self, names: Lexicon) -> None:
        self._names = names
        #: What a text must contain, folded, to be worth a look.
        self.worth = set(names.bearers) - PARTICLES | names.phrases
        self._glued = _compiled(word for word in names.sure if len(word) >= _SHORTEST_GLUED)
        self._phrases = _compiled(names.phrases)

    def parts(self, text: str, folded: Folded) -> list[Part]:
        """Every range that may be of a name, in order."""
        found: list[Part] = []
        for match in _RUN.finditer(folded.text):
            found += self._classify(match, text, folded)
        return found

    def spaceless(self, folded: Folded) -> list[Span]:
        """The names of scripts without spaces."""
        if self._phrases is None:
            return []
        return [match.span() for match in self._phrases.finditer(folded.text)]

    def _classify(self, match: re.Match[str], text: str, folded: Folded) -> Iterator[Part]:
        run, names = match.group(), self._names
        if run in names.bearers:
            persons = frozenset(names.bearers[run])
            yield Part(*match.span(), persons, run in names.sure, weak=run in PARTICLES)
        elif len(run) <= 2:
            persons = self._initials(run)
            if persons and not _touches_digit(folded.text, match):
                yield Part(*match.span(), persons, initial=True)
        elif self._glued is not None and self._glued.search(run) and not is_ordinary(run):
            yield from self._within(match, text, folded)

    def _initials(self, run: str) -> frozenset[int]:
        """Whose initials these letters are, if they are no word."""
        if len(run) > 1 and is_ordinary(run):
            return frozenset()
        sets = [self._names.initials.get(letter, set()) for letter in run]
        return frozenset(sets[0].intersection(*sets[1:]))

    def _within(self, run: re.Match[str], text: str, folded: Folded) -> Iterator[Part]:
        """Sure names inside a longer word, with initials glued to them."""
        assert self._glued is not None
        word, base = run.group(), run.start()
        spans = [match.span() for match in self._glued.finditer(word)]
        ends = [0, *(end for _, end in spans)]
        starts = [*(start for start, _ in spans), len(word)]
        for place, (start, end) in enumerate(spans):
            left, right = word[ends[place] : start], word[end : starts[place + 1]]
            sides = (
                self._parted(left) or _turns(text, folded, base + start, base),
                self._parted(right) or _turns(text, folded, base + end, base),
            )
            if all(sides) or end - start >= _LONG:
                before = len(left) if self._goes_too(left) else 0
                after = len(right) if self._goes_too(right) else 0
                persons = frozenset(self._names.bearers[word[start:end]])
                yield Part(base + start - before, base + end + after, persons, sure=True)

    def _parted(self, rest: str) -> bool:
        """Whether the rest of a word beside a name lets the name be one."""
        return rest in ("", "s") or (len(rest) > 1 and is_ordinary(rest)) or self._goes_too(rest)

    def _goes_too(self, rest: str) -> bool:
        if rest in self._names.bearers:
            return rest not in PARTICLES
        return 0 < len(rest) <= 2 and bool(self._initials(rest))


def _compiled(words: Iterable[str]) -> re.Pattern[str] | None:
    pattern = alternation(words)
    return re.compile(pattern) if pattern else None


def _touches_digit(text: str, match: re.Match[str]) -> bool:
    before, after = text[match.start() - 1 : match.start()], text[match.end() : match.end() + 1]
    return before.isdigit() or after.isdigit()


def _turns(text: str, folded: Folded, place: int, base: int) -> bool:
    """Whether the case changes at a place of the folded text, as in `JonesLung`, `LungJONES`, `PTVJones`."""
    at = folded.span(place, place)[0]
    if place == base or not 0 < at < len(text):
        return True
    before, after, next_after = text[at - 1], text[at], text[at + 1 : at + 2]
    return before.islower() != after.islower() or (after.isupper() and next_after.islower())
