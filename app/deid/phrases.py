"""A patient's numbers, phones, addresses and places in a text, whatever stands between their parts."""

import re
from collections.abc import Iterator
from typing import Any, Final

from app.deid.folding import Folded, fold, spellings
from app.deid.identifiers import ADDRESS, NUMBER, PATIENT, PERSON, PHONE, PLACE, Identifiers
from app.deid.names import Span
from app.deid.vocabulary import GENERIC, is_ordinary

Phrase = tuple[str, ...]
"""Runs of letters and of digits, the latter without leading zeros."""

_PIECE: Final = re.compile(r"[^\W\d_]+|\d+")
#: Fewer digits than these tell no one from another: sizes, counts and years look the same.
_FEWEST_DIGITS, _FEWEST_WITH_LETTERS, _FEWEST_OF_PHONE, _FEWEST_WITH_COUNTRY = 5, 3, 7, 9
_SHORTEST_WORD, _SHORTEST_PLACE = 4, 5
#: A phrase has at most so many pieces; what is longer is found by its beginning.
_MOST_PIECES: Final = 16
#: Words before the telling one of a place's name that belong to it.
_WORDS_BEFORE: Final = 3
#: Characters that may stand between two pieces, in a number and elsewhere.
_GAP, _GAP_IN_NUMBER = 3, 1
_COUNTRY = r"(?:\+\d{1,3}[-. ()/]{0,3}|\b1[-. ()/]{1,3})?"
_END: Final = ""


class PhraseFinder:
    """Finds the phrases of these identifiers; compiled once for a patient."""

    def __init__(self, identifiers: Identifiers) -> None:
        # A tree of dicts by piece; where a phrase ends, its kind stands under the empty piece.
        self._tree: dict[str, Any] = {}
        for kind, phrase in _phrases(identifiers):
            node = self._tree
            for piece in phrase[:_MOST_PIECES]:
                node = node.setdefault(piece, {})
            node.setdefault(_END, kind)
        patterns = {pattern for text in identifiers.of(PHONE) for pattern in _phone(text)}
        self._phones = re.compile("|".join(sorted(patterns, reverse=True))) if patterns else None
        self._acronyms = frozenset(word for place in identifiers.of(PLACE) for word in _acronyms(place))

    def spans(self, text: str, folded: Folded) -> Iterator[tuple[str, Span]]:
        """Kind and range of the original of each."""
        if self._phones is not None:
            for match in self._phones.finditer(folded.text):
                yield "phone", folded.span(*match.span())
        if self._tree:
            for kind, span in self._found(folded.text):
                yield kind, folded.span(*span)
        if self._acronyms:
            for match in re.finditer(r"[A-Z]{3,}", text):
                if match.group() in self._acronyms:
                    yield "address", match.span()

    def _found(self, text: str) -> Iterator[tuple[str, Span]]:
        """The longest phrase at each piece, none over another."""
        pieces = [(_bare(match.group()), *match.span()) for match in _PIECE.finditer(text)]
        place = 0
        while place < len(pieces):
            longest = self._longest(text, pieces, place)
            if longest is not None:
                kind, last = longest
                yield kind, (pieces[place][1], pieces[last][2])
                place = last
            place += 1

    def _longest(self, text: str, pieces: list[tuple[str, int, int]], place: int) -> tuple[str, int] | None:
        """Kind and last piece of the longest phrase that begins here."""
        node, found, widest = _next(self._tree, pieces[place][0]), None, 0
        while node is not None:
            kind = node.get(_END)
            if kind and widest <= (_GAP_IN_NUMBER if kind == "number" else _GAP):
                found = kind, place
            place, end = place + 1, pieces[place][2]
            if place < len(pieces) and text[end : pieces[place][2]] in ("'s", "s"):
                place, end = place + 1, pieces[place][2]
            if place >= len(pieces):
                break
            widest = max(widest, pieces[place][1] - end)
            node = _next(node, pieces[place][0]) if widest <= _GAP else None
        return found


def _next(node: dict[str, Any], piece: str) -> dict[str, Any] | None:
    """Where a piece leads; a possessive's s may be glued to it."""
    found: dict[str, Any] | None = node.get(piece)
    return node.get(piece[:-1] or piece) if found is None and piece.endswith("s") else found


def _bare(piece: str) -> str:
    return (piece.lstrip("0") or "0") if piece.isdigit() else piece


def _pieces(text: str) -> list[str]:
    return [_bare(piece) for piece in _PIECE.findall(fold(text).text)]


def _phrases(identifiers: Identifiers) -> Iterator[tuple[str, Phrase]]:
    for text in identifiers.of(NUMBER, PATIENT, PERSON):
        yield from (("number", phrase) for phrase in _number(text))
    for text in identifiers.of(ADDRESS):
        yield from (("address", phrase) for phrase in _address(text))
    for text in identifiers.of(PLACE):
        yield from (("address", phrase) for phrase in _place(text))


def _number(text: str) -> Iterator[Phrase]:
    """An identifier of letters and digits as it stands, with other separators, and its digits alone."""
    whole = _PIECE.findall(fold(text).text)
    digits = "".join(piece for piece in whole if piece.isdigit())
    letters = any(not piece.isdigit() for piece in whole)
    if len(digits) < _FEWEST_WITH_LETTERS:
        # With hardly a digit: only if it is one word, and no ordinary one.
        if len(whole) == 1 and len(whole[0]) >= _SHORTEST_WORD and not is_ordinary(whole[0]):
            yield (whole[0],)
        return
    pieces = tuple(map(_bare, whole))
    if letters or (len(digits) >= _FEWEST_DIGITS and (len(pieces) > 1 or len(pieces[0]) >= _SHORTEST_WORD)):
        yield pieces
    for piece in (*pieces, _bare(digits)):
        if piece.isdigit() and len(piece) >= _FEWEST_DIGITS:
            yield (piece,)


def _phone(text: str) -> Iterator[str]:
    """The digits with anything that stands between digits of a phone number, and any country code before."""
    lettered = re.search(r"[^\W\d_]", text)
    numbers = re.findall(r"[+(]?\d[-. ()/\d]{5,30}", text) if lettered else [text]
    for number in numbers:
        core = "".join(re.findall(r"\d", fold(number).text)).lstrip("0")[:20]
        core = core[1:] if len(core) == 11 and core[0] == "1" else core
        if len(core) >= _FEWEST_OF_PHONE:
            spaced = r"[-. ()/]{0,3}".join(core)
            yield rf"{_COUNTRY}\(?(?<!\d)0*{spaced}(?!\d)"
            if len(core) >= _FEWEST_WITH_COUNTRY:
                yield rf"(?<!\d)\+?\d{{0,5}}{core}(?!\d)"


def _address(text: str) -> Iterator[Phrase]:
    """The parts of an address, and the words in it that are no others."""
    for part in re.split(r"[,;^\n\r]", text):
        pieces = _pieces(part)
        telling = _telling(pieces)
        codes = [piece for piece in pieces if piece.isdigit() and len(piece) >= _FEWEST_DIGITS]
        numbered = len(pieces) > 2 and any(piece.isdigit() for piece in pieces)
        if telling or numbered or codes:
            yield tuple(pieces)
        yield from ((word,) for word in (*telling, *codes))


def _place(text: str) -> Iterator[Phrase]:
    """An institution's name, and the words in it that are no others."""
    pieces = _pieces(text)
    telling = _telling(pieces)
    institution = len(pieces) > 1 and not GENERIC.isdisjoint(pieces)
    if telling or (institution and not _is_department(pieces)):
        yield tuple(pieces)
    yield from ((word,) for word in telling)
    yield from _with_words_before(pieces, telling)
    if len(pieces) == 1 and 3 <= len(pieces[0]) <= _SHORTEST_PLACE and not is_ordinary(pieces[0]):
        yield (pieces[0],)


def _with_words_before(pieces: list[str], telling: list[str]) -> Iterator[Phrase]:
    """Mount Sinai goes as a whole, though a mount alone tells nothing."""
    for end, piece in enumerate(pieces):
        if piece in telling:
            yield from (tuple(pieces[start : end + 1]) for start in range(max(0, end - _WORDS_BEFORE), end))


def _is_department(pieces: list[str]) -> bool:
    """Whether it is a kind of department, as every hospital has one: Department of Radiology."""
    kinds = ("department", "dept", "radiology", "imaging", "radiologie")
    return any(kind in pieces for kind in kinds) and "hospital" not in pieces and "clinic" not in pieces


def _telling(pieces: list[str]) -> list[str]:
    """The words that name the place."""
    named = (
        piece
        for piece in pieces
        if len(piece) >= _SHORTEST_PLACE
        and piece.isalpha()
        and piece not in GENERIC
        and not is_ordinary(piece)
    )
    return [spelling for piece in named for spelling in sorted(spellings(piece))]


def _acronyms(place: str) -> Iterator[str]:
    """The initials of an institution's words: Massachusetts General Hospital is MGH."""
    words = re.findall(r"[^\W\d_]+", place)
    for chosen in (words, [word for word in words if len(word) > 3]):
        initials = "".join(word[0] for word in chosen).upper()
        if 3 <= len(initials) <= 6 and initials.isascii() and not is_ordinary(initials.lower()):
            yield initials
