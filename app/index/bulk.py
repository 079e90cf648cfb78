"""Series that come whole, by the hundred thousand: made ready here, in any number of processes.

A portion of them has the very rows that the ordinary writer would make, as plain values that travel between
processes; `app.index.bulk_load` puts portions in.
"""

import gc
from array import array
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Self

from app.index import columns
from app.index.entry import Columns, Entry
from app.index.made_rows import series_row, study_row
from app.index.tables import INSTANCE, REQUEST_ATTRIBUTES, SERIES, STUDY
from app.index.tag_values import INDEXED, Tags, merge
from app.index.writer import Place

Values = tuple[Any, ...]
#: What a row of the dictionary of values is made of: path, VR, digest, text, number.
NewValue = tuple[str, str, str, str, float | None]

#: What the place says, or only the database: those who load know it.
PLACED = (
    "id",
    "collection_id",
    "access_unit_id",
    "submission_id",
    "added_version",
    "removed_version",
    "replaces",
    "created_at",
    "first",
)


def _told(table: Any, *without: str) -> tuple[str, ...]:
    return tuple(each.name for each in table.c if each.name not in (*PLACED, *without))


#: The columns of a portion's rows.
OF_STUDY = _told(STUDY)
OF_SERIES = _told(SERIES, "study_row", "frozen")
OF_INSTANCE = _told(INSTANCE, "series_row")
OF_REQUEST = _told(REQUEST_ATTRIBUTES, "series_row")


@dataclass(frozen=True, slots=True)
class Described:
    """One series: what its row is made from, and the instances that get rows.

    A catalogue may tell of more instances, and their bytes, than are described: it goes into `instances` and
    `size`.
    """

    place: Place
    first: Entry
    entries: Sequence[Entry]
    instances: int
    size: int

    @classmethod
    def of(cls, place: Place, entries: Sequence[Entry]) -> Self:
        """A series all of whose instances are here, in the order in which they would be stored."""
        return cls(place, entries[0], entries, len(entries), sum(entry.row["size"] for entry in entries))


@dataclass(slots=True)
class Portion:
    """Some series: lists that are as long as there are series, and values by their numbers in the portion."""

    places: list[Place] = field(default_factory=list)
    study_uids: list[str] = field(default_factory=list)
    #: Of the first series of each study and place; None for the others.
    studies: list[Values | None] = field(default_factory=list)
    series_uids: list[str] = field(default_factory=list)
    series: list[Values] = field(default_factory=list)
    requests: list[list[Values]] = field(default_factory=list)
    instances: list[list[Values]] = field(default_factory=list)
    new_values: list[NewValue] = field(default_factory=list)
    #: Numbers of values, those of one series after those of another, and how many are of each.
    postings: "array[int]" = field(default_factory=lambda: array("I"))
    counts: "array[int]" = field(default_factory=lambda: array("I"))


@contextmanager
def uncollected() -> Iterator[None]:
    """Without Python's collector of cycles: of a million small things that have none it looks through all,
    again and again, which takes half the time.
    """
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def prepare(described: Iterable[Described]) -> Portion:
    """The series as a portion. Their order is that in which the ordinary writer would be given them."""
    with uncollected():
        return _prepared(described)


def _prepared(described: Iterable[Described]) -> Portion:
    portion, numbers = Portion(), _Numbers()
    studies: set[tuple[Place, str]] = set()
    for one in described:
        entry, key = one.first, (one.place, one.first.study)
        portion.places.append(one.place)
        portion.study_uids.append(entry.study)
        portion.studies.append(None if key in studies else _values(study_row({}, entry, False), OF_STUDY))
        studies.add(key)
        portion.series_uids.append(entry.series)
        portion.series.append(_values(series_row({}, entry, 0, one.instances, one.size, False), OF_SERIES))
        items = columns.request_attributes(entry.attributes)
        portion.requests.append([_values(item, OF_REQUEST) for item in items])
        portion.instances.append([_values(each.row, OF_INSTANCE) for each in one.entries])
        _post(
            portion, numbers, merge([entry.tags, *(each.tags for each in one.entries if each is not entry)])
        )
    portion.new_values = numbers.values
    return portion


def _values(row: Columns, names: Sequence[str]) -> Values:
    return tuple([row.get(name) for name in names])


class _Numbers:
    """The values of a portion, each once, numbered as they come."""

    def __init__(self) -> None:
        self.values: list[NewValue] = []
        self._known: dict[str, int] = {}

    def of(self, tags: Tags) -> list[int]:
        """The numbers of these values."""
        known, found = self._known, []
        for digest, value in tags.items():
            number = known.get(digest)
            if number is None:
                number = known[digest] = len(self.values)
                text, comparable = value.form or ("", None)
                self.values.append((*value.path, digest, text[:INDEXED], comparable))
            found.append(number)
        return found


def _post(portion: Portion, numbers: _Numbers, tags: Tags) -> None:
    found = numbers.of(tags)
    portion.postings.extend(found)
    portion.counts.append(len(found))
