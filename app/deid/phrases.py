"""A patient's numbers, phones, addresses and places as patterns, whatever stands between their parts."""

import re
from collections.abc import Callable, Iterable, Iterator

from app.deid.folding import Folded, fold, spellings
from app.deid.identifiers import ADDRESS, NUMBER, PATIENT, PERSON, PHONE, PLACE, Identifiers
from app.deid.names import Span
from app.deid.vocabulary import GENERIC, is_ordinary

_PIECE = re.compile(r"[^\W\d_]+|\d+")
_LETTERS_BEFORE, _LETTERS_AFTER = r"(?<![^\W\d_])", r"(?![^\W\d_])"
_DIGIT_BEFORE, _DIGIT_AFTER = r"(?<!\d)", r"(?!\d)"
_COUNTRY = r"(?:\+\d{1,3}[-. ()/]{0,3}|\b1[-. ()/]{1,3})?"
#: Fewer digits than these tell no one from another: sizes, counts and years look the same.
_FEWEST_DIGITS, _FEWEST_WITH_LETTERS, _FEWEST_OF_PHONE, _FEWEST_WITH_COUNTRY = 5, 3, 7, 9
_SHORTEST_WORD = 4
_SHORTEST_PLACE = 5

Write = Callable[[str], Iterator[str]]


class PhraseFinder:
    """Finds the phrases of these identifiers; compiled once for a patient."""

    def __init__(self, identifiers: Identifiers) -> None:
        kinds = {
            "phone": _patterns(_phone, identifiers.of(PHONE)),
            "number": _patterns(_number, identifiers.of(NUMBER, PATIENT, PERSON)),
            "address": _patterns(_address, identifiers.of(ADDRESS))
            | _patterns(_place, identifiers.of(PLACE)),
        }
        groups = [f"(?P<{kind}>{_either(patterns)})" for kind, patterns in kinds.items() if patterns]
        self._pattern = re.compile("|".join(groups)) if groups else None
        self._acronyms = frozenset(word for place in identifiers.of(PLACE) for word in _acronyms(place))

    def spans(self, text: str, folded: Folded) -> Iterator[tuple[str, Span]]:
        """Kind and range of the original of each."""
        if self._pattern is not None:
            for match in self._pattern.finditer(folded.text):
                yield str(match.lastgroup), folded.span(*match.span())
        if self._acronyms:
            for match in re.finditer(r"[A-Z]{3,}", text):
                if match.group() in self._acronyms:
                    yield "address", match.span()


def _patterns(write: Write, texts: Iterable[str]) -> set[str]:
    return {pattern for text in texts for pattern in write(text)}


def _either(patterns: set[str]) -> str:
    return "|".join(sorted(patterns, key=lambda pattern: (-len(pattern), pattern)))


def _number(text: str) -> Iterator[str]:
    """An identifier of letters and digits as it stands, with other separators, and its digits alone."""
    pieces = _PIECE.findall(fold(text).text)
    digits = "".join(piece for piece in pieces if piece.isdigit())
    if len(digits) < _FEWEST_WITH_LETTERS:
        yield from _lettered(pieces)
        return
    letters = any(not piece.isdigit() for piece in pieces)
    if len("".join(pieces)) >= _FEWEST_DIGITS or letters:
        yield _bounded(pieces, r"[-_./ ]?")
    for piece in (*pieces, digits):
        bare = piece.lstrip("0")
        if piece.isdigit() and len(bare) >= _FEWEST_DIGITS:
            yield f"{_DIGIT_BEFORE}0*{bare}{_DIGIT_AFTER}"


def _lettered(pieces: list[str]) -> Iterator[str]:
    """An identifier with hardly a digit: only if it is no word, and one word."""
    if len(pieces) == 1 and len(pieces[0]) >= _SHORTEST_WORD and not is_ordinary(pieces[0]):
        yield _bounded(pieces, "")


def _bounded(pieces: list[str], between: str) -> str:
    """Pieces in this order; digits next to it make another number, letters next to letters another word."""
    before = _DIGIT_BEFORE if pieces[0].isdigit() else _LETTERS_BEFORE
    after = _DIGIT_AFTER if pieces[-1].isdigit() else _LETTERS_AFTER
    return before + between.join(map(re.escape, pieces)) + after


def _phone(text: str) -> Iterator[str]:
    """The digits with anything that stands between digits of a phone number, and any country code before."""
    digits = "".join(_PIECE.findall(fold(text).text)) if not re.search(r"[^\W\d_]", text) else ""
    numbers = [digits] if digits else _phones_within(text)
    for number in numbers:
        core = number.lstrip("0")
        core = core[1:] if len(core) == 11 and core[0] == "1" else core
        if len(core) >= _FEWEST_OF_PHONE and core.isdecimal():
            spaced = r"[-. ()/]{0,3}".join(core)
            yield rf"{_COUNTRY}\(?{_DIGIT_BEFORE}0*{spaced}{_DIGIT_AFTER}"
            if len(core) >= _FEWEST_WITH_COUNTRY:
                yield rf"{_DIGIT_BEFORE}\+?\d{{0,5}}{core}{_DIGIT_AFTER}"


def _phones_within(text: str) -> list[str]:
    return ["".join(re.findall(r"\d", found)) for found in re.findall(r"[+(]?\d[-. ()/\d]{5,30}", text)]


def _address(text: str) -> Iterator[str]:
    """The parts of an address, and the words in it that are no others."""
    for part in re.split(r"[,;^\n\r]", text):
        pieces = _PIECE.findall(fold(part).text)
        telling = _telling(pieces)
        numbered = len(pieces) > 2 and any(piece.isdigit() for piece in pieces)
        if telling or numbered:
            yield _phrase(pieces)
        yield from map(_word, telling)
        yield from (
            _bounded([piece], "") for piece in pieces if piece.isdigit() and len(piece) >= _FEWEST_DIGITS
        )


def _place(text: str) -> Iterator[str]:
    """An institution's name, and the words in it that are no others."""
    pieces = _PIECE.findall(fold(text).text)
    telling = _telling(pieces)
    institution = len(pieces) > 1 and not GENERIC.isdisjoint(pieces)
    if telling or (institution and not _is_department(pieces)):
        yield _phrase(pieces)
    yield from map(_word, telling)
    if len(pieces) == 1 and 3 <= len(pieces[0]) <= _SHORTEST_PLACE and not is_ordinary(pieces[0]):
        yield _word(pieces[0])


def _is_department(pieces: list[str]) -> bool:
    """Whether it is a kind of department, as every hospital has one: Department of Radiology."""
    kinds = ("department", "dept", "radiology", "imaging", "radiologie")
    return any(kind in pieces for kind in kinds) and "hospital" not in pieces and "clinic" not in pieces


def _telling(pieces: list[str]) -> list[str]:
    """The words that name the place."""
    return [
        spelling
        for piece in pieces
        if len(piece) >= _SHORTEST_PLACE and piece not in GENERIC and not is_ordinary(piece)
        for spelling in sorted(spellings(piece))
    ]


def _phrase(pieces: list[str]) -> str:
    return _bounded(pieces, r"(?:'?s)?[\W_]{0,3}")


def _word(word: str) -> str:
    return _LETTERS_BEFORE + re.escape(word) + _LETTERS_AFTER


def _acronyms(place: str) -> Iterator[str]:
    """The initials of an institution's words: Massachusetts General Hospital is MGH, Dept of X none."""
    words = re.findall(r"[^\W\d_]+", place)
    for chosen in (words, [word for word in words if len(word) > 3]):
        initials = "".join(word[0] for word in chosen).upper()
        if 3 <= len(initials) <= 6 and initials.isascii() and not is_ordinary(initials.lower()):
            yield initials
