"""Ranges of a text taken out or replaced, with what then separates nothing."""

from collections.abc import Iterable
from dataclasses import dataclass

#: What separates words and labels; two of them in a row become one, and none stands at an end.
_SEPARATORS = " \t_-,;/.:&+"
_BRACKETS = {"(": ")", "[": "]", "<": ">", '"': '"', "'": "'"}


@dataclass(frozen=True, slots=True, order=True)
class Cut:
    """A range that goes, and what stands there instead."""

    kind: str
    span: tuple[int, int]
    new: str = ""


def cut(text: str, cuts: Iterable[Cut]) -> str:
    """The text without the ranges, none of them in it twice; those that overlap go together."""
    left, place = "", 0
    pieces: list[str] = []
    for start, end, new in _merged(cuts):
        pieces.append(text[place:start])
        place = end
        if new:
            pieces.append(new)
            continue
        left = _taken(pieces)
        place += _join(pieces, left, text, place)
    pieces.append(text[place:])
    return "".join(pieces)


def _merged(cuts: Iterable[Cut]) -> list[tuple[int, int, str]]:
    merged: list[tuple[int, int, str]] = []
    for each in sorted(cuts, key=lambda each: (each.span[0], -each.span[1])):
        start, end = each.span
        if merged and start < merged[-1][1]:
            first, last, new = merged[-1]
            merged[-1] = (first, max(last, end), new if end <= last else "")
        else:
            merged.append((start, end, each.new))
    return merged


def _taken(pieces: list[str]) -> str:
    """The last piece that has something, taken off the pieces."""
    while pieces:
        piece = pieces.pop()
        if piece:
            return piece
    return ""


def _join(pieces: list[str], left: str, text: str, place: int) -> int:
    """Put back what stands before a removed range, and say how many characters behind it go as well."""
    skipped = 0
    if left and _BRACKETS.get(left[-1]) == text[place : place + 1]:
        left, place, skipped = left[:-1], place + 1, 1
    after = text[place : place + 1]
    if after in ("", "\n", "\r", "\\"):
        pieces.append(left.rstrip(_SEPARATORS))
        return skipped
    if left == "" or left[-1] in _SEPARATORS + "\n\r\\":
        pieces.append(left)
        return skipped + _run(text, place)
    pieces.append(left + " " if left[-1].isalnum() and after.isalnum() else left)
    return skipped


def _run(text: str, place: int) -> int:
    """How many separators stand here."""
    end = place
    while end < len(text) and text[end] in _SEPARATORS:
        end += 1
    return end - place
