"""The whole judgement of one run of a tool over the corpus."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from warnings import catch_warnings

import numpy as np

from tests.deid.drawing import mask
from tests.deid.judge.blocks import blocks
from tests.deid.judge.cases import Case, cases
from tests.deid.judge.claims import flags, meta
from tests.deid.judge.intervals import intervals, shifts
from tests.deid.judge.leaks import Search
from tests.deid.judge.links import links, standard
from tests.deid.judge.maps import Maps
from tests.deid.judge.programs import installed, new_errors, unreadable
from tests.deid.judge.rules import passes
from tests.deid.key import Action, Check, Key

#: Beyond the ten types, in the order of the table.
MEASURES = (
    "outputs", "leak scan", "links", "standard UIDs", "intervals", "flags", "file meta", "private blocks",
    "readable", "pixels outside boxes", "dciodvfy",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Failure:
    """What was wrong: in which instance (its UID before), at which path, and why it was asked."""

    measure: str
    instance: str
    path: str
    told: str


@dataclass(slots=True)
class Tally:
    """How many were asked, and how many passed."""

    passed: int = 0
    total: int = 0

    @property
    def share(self) -> float:
        """Passed of all, in percent; 100 where nothing was asked."""
        return 100 * self.passed / self.total if self.total else 100.0


@dataclass(slots=True)
class Score:
    """Tallies by action type and by measure, and every failure."""

    actions: dict[str, Tally] = field(default_factory=dict)
    measures: dict[str, Tally] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)

    @property
    def total(self) -> Tally:
        """MIDI-B's score: all checks of the ten types."""
        tallies = self.actions.values()
        return Tally(sum(each.passed for each in tallies), sum(each.total for each in tallies))

    def action(self, check: Check, passed: bool) -> None:
        """Count a check."""
        self._count(self.actions, check.action.value, passed)
        if not passed:
            self.failures.append(
                Failure(check.action.value, check.instance, check.path, f"{check.why}: {check.text}")
            )

    def measure(self, name: str, case: Case, complaints: Iterable[str], path: str = "") -> None:
        """Count what passed where there is no complaint."""
        told = list(complaints)
        self._count(self.measures, name, not told)
        self.failures += [Failure(name, case.uid, path, each) for each in told]

    @staticmethod
    def _count(tallies: dict[str, Tally], name: str, passed: bool) -> None:
        tally = tallies.setdefault(name, Tally())
        tally.total += 1
        tally.passed += passed


def score(
    source: Path,
    output: Path,
    key: Key,
    maps: Maps,
    validated: bool = True,
    paired: dict[str, Path] | None = None,
) -> Score:
    """Judge what was made of the corpus at `source`.

    `validated`: with dciodvfy, where it is installed. `paired`: outputs by SOP Instance UID, for tools
    whose outputs no map leads to.
    """
    with catch_warnings(action="ignore"):
        found = {case.uid: case for case in cases(source, output, key, maps.uids, paired)}
        result = Score({action.value: Tally() for action in Action}, {name: Tally() for name in MEASURES})
        for check in key.checks:
            result.action(check, passes(check, found[check.instance], maps))
        _related(result, key, found)
        _leaks(result, output, key, found)
        for case in found.values():
            for name, judge in _EACH.items():
                result.measure(name, case, judge(case, key))
            if validated and installed("dciodvfy") and case.output:
                result.measure("dciodvfy", case, sorted(new_errors(case)))
    return result


def _related(result: Score, key: Key, found: dict[str, Case]) -> None:
    """What is of more than one instance."""
    for link in links(found.values()):
        result.measure("links", link.case, () if link.right else ("leads elsewhere",), link.path)
    for link in standard(found.values()):
        result.measure("standard UIDs", link.case, () if link.right else ("was replaced",), link.path)
    for moved in intervals(key.checks, found, shifts(found.values())):
        complaint = () if moved.right else (f"{moved.check.why}: {moved.check.text}",)
        result.measure("intervals", found[moved.check.instance], complaint, moved.check.path)


def _leaks(result: Score, output: Path, key: Key, found: dict[str, Case]) -> None:
    """Every file below the output folder; one that is of no input may hold nothing of any patient."""
    of, moved = {case.output: case for case in found.values() if case.output}, shifts(found.values())
    searches = {patient: _search(key, patient, moved.get(patient)) for patient in key.canaries}
    everything = Search({text for texts in key.canaries.values() for text in texts}, root=key.root)
    nobody = Case("", "", output, next(iter(found.values())).before)
    for path in sorted(each for each in output.rglob("*") if each.is_file()):
        case = of.get(path, nobody)
        search = searches.get(case.patient, everything)
        result.measure(
            "leak scan", case, sorted(search.found(path.read_bytes(), str(path.relative_to(output))))
        )


def _search(key: Key, patient: str, shift: int | None) -> Search:
    return Search(key.canaries[patient], key.dates.get(patient, ()), shift, key.root)


def _outside(case: Case, key: Key) -> Iterator[str]:
    """Whether all pixels are the same but those of drawn texts, and as far around as the letters are high."""
    drawn = key.drawn(case.uid)
    if not drawn or case.after is None:
        return
    before, after = case.pixels_before, case.pixels_after
    if before is None or after is None or before.shape != after.shape:
        yield "other dimensions"
    elif np.any((before != after).any(axis=(0, 3)) & ~_may_change(case, key, drawn)):
        yield "pixels changed that hold no text"


def _may_change(case: Case, key: Key, drawn: list[Check]) -> "np.typing.NDArray[np.bool_]":
    rows, columns = case.before.Rows, case.before.Columns
    free = np.zeros((rows, columns), dtype=bool)
    for check in drawn:
        place = check.drawn
        assert place
        height, width = mask(check.text, place.size).shape
        top, left = max(0, place.row - place.size), max(0, place.column - place.size)
        free[top : place.row + height + place.size, left : place.column + width + place.size] = True
    if case.uid in key.regions:
        top, left, bottom, right = key.regions[case.uid]
        outside = np.ones_like(free)
        outside[top:bottom, left:right] = False
        free |= outside
    return free


_EACH: dict[str, Callable[[Case, Key], Iterable[str]]] = {
    "outputs": lambda case, key: () if case.after is not None else ("no output",),
    "flags": lambda case, key: flags(case, key.drawn(case.uid)) if case.after is not None else ("no output",),
    "file meta": lambda case, key: meta(case),
    "private blocks": lambda case, key: blocks(case),
    "readable": lambda case, key: unreadable(case),
    "pixels outside boxes": _outside,
}
