"""Whether what referred to an instance, series, study or frame of reference still refers to it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from tests.deid.judge.cases import Case
from tests.deid.judge.maps import STANDARD
from tests.deid.judge.paths import find, values, walk

#: What an instance is itself, and is referred to by.
ANCHORS = ("SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID", "FrameOfReferenceUID")


@dataclass(frozen=True, slots=True)
class Link:
    """A reference in an input that still stands in its output, and whether it leads to the same thing."""

    case: Case
    path: str
    right: bool


def links(cases: Iterable[Case]) -> Iterator[Link]:
    """Every reference to an instance that was given, or to what such instances share."""
    written = [case for case in cases if case.after is not None]
    anchors = _anchors(written)
    for case in written:
        for path, old, new in _uids(case):
            if old in anchors:
                yield Link(case, path, anchors[old] == {new})


def standard(cases: Iterable[Case]) -> Iterator[Link]:
    """Every UID that the standard itself gave: it must be the same."""
    for case in cases:
        for path, old, new in _uids(case) if case.after is not None else ():
            if old.startswith(STANDARD):
                yield Link(case, path, old == new)


def _anchors(cases: list[Case]) -> dict[str, set[str]]:
    """What each became, in all instances of it; two that became one are no anchor that holds."""
    found: dict[str, set[str]] = {}
    for case in cases:
        for keyword in ANCHORS:
            old, new = case.before.get(keyword), case.after and case.after.get(keyword)
            if old and new and not str(old).startswith(STANDARD):
                found.setdefault(str(old), set()).add(str(new))
    taken: dict[str, int] = {}
    for new in (each for news in found.values() for each in news):
        taken[new] = taken.get(new, 0) + 1
    return {old: news if all(taken[new] == 1 for new in news) else set() for old, news in found.items()}


def _uids(case: Case) -> Iterator[tuple[str, str, str]]:
    """Path, old and new value of every UID that still stands."""
    for path, element in walk(case.before):
        other = find(case.after, path) if element.VR == "UI" and case.after is not None else None
        if other is not None:
            for old, new in zip(values(element), values(other), strict=False):
                yield path, old, new
