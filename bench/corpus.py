"""What lies in an archive while it is measured."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

from bench.ct import Instance

SMALL = 16


@dataclass(frozen=True, slots=True)
class Scale:
    """How much: the full measure, or the short one that only shows that the benchmark works.

    Study 0 holds the series that are read, study 1 those that are asked for once; the others are there to be
    found, with pixels of no size.
    """

    studies: int = 20
    series: int = 200
    long_series: int = 1000
    frames: int = 200
    cold: int = 5
    instances_a_study: int = 10

    @property
    def cold_series(self) -> range:
        """Numbers of the series in study 1 that have `series` instances."""
        return range(1, self.cold + 1)

    @property
    def cold_long_series(self) -> range:
        """Numbers of the series in study 1 that have `long_series` instances."""
        return range(self.cold + 1, 2 * self.cold + 1)

    def instances(self) -> Iterator[Instance]:
        """All of it."""
        lengths = {1: self.series, 2: self.long_series}
        read = (_series(0, number, length) for number, length in lengths.items())
        cold = (_series(1, number, self.series) for number in self.cold_series)
        cold_long = (_series(1, number, self.long_series) for number in self.cold_long_series)
        multi = (Instance(0, 3, 1, frames=self.frames),)
        return chain(*read, multi, *cold, *cold_long, self.found(2))

    def found(self, first: int = 0) -> Iterator[Instance]:
        """Studies from number `first` on, for searches."""
        for study in range(first, self.studies):
            yield from _series(study, 1, self.instances_a_study, SMALL)


SHORT = Scale(studies=20, series=4, long_series=8, frames=3, cold=3, instances_a_study=2)


def _series(study: int, series: int, length: int, side: int = 512) -> Iterator[Instance]:
    return (Instance(study, series, number + 1, side) for number in range(length))
