"""A folder de-identified into another: first all is looked at, then patient after patient is written."""

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any, TypeVar

import orjson

from app.crosswalk import Crosswalk
from app.deid import looking, ocr
from app.deid.engine import Rules
from app.deid.identity import Keyed
from app.deid.looking import Sought
from app.deid.policy import Policy
from app.deid.standard import Option
from app.deid.text import Identifiers
from app.errors import Misconfigured
from app.submitter import survey
from app.submitter.record import Record
from app.submitter.survey import Seen, Unreadable
from app.submitter.work import Task, begin, work

T = TypeVar("T")
#: A bar for `total` steps of what a text says.
Bar = Callable[[Iterable[T], str, int], Iterable[T]]
#: Instances that a process takes at once.
_TOGETHER = 32


@dataclass(frozen=True)
class Run:
    """What a run is asked for."""

    source: Path
    target: Path
    record: Path
    policy: Policy
    key: bytes
    crosswalk: Path | None = None
    patients: dict[str, str] | None = None
    processes: int = 0


@dataclass(frozen=True)
class Outcome:
    """What came of it: files looked at, instances written, and things for a person."""

    files: int
    written: int
    for_a_person: int


def run(asked: Run, bar: Bar[Any]) -> Outcome:
    """De-identify. What an earlier run with the same record finished is not done again.

    Raises Misconfigured where folders lie within each other or the target holds what is no run's.
    """
    _check(asked)
    with _none_dies():
        return _run(asked, bar)


def _run(asked: Run, bar: Bar[Any]) -> Outcome:
    record = Record(asked.record, asked.policy)
    crosswalk = Crosswalk(asked.crosswalk, asked.key) if asked.crosswalk else None
    files = survey.files(asked.source)
    with _pool(asked) as pool:
        looked = list(bar(pool.map(survey.look, files, chunksize=_TOGETHER), "Looking", len(files)))
    for each in looked:
        if isinstance(each, Unreadable):
            record.refused(each.path, each.reason)
    seen = [each for each in looked if isinstance(each, Seen)]
    rules = Rules(asked.policy, _identities(asked, seen, crosswalk))
    written = _write_all(asked, rules, seen, record, crosswalk, bar)
    if crosswalk:
        crosswalk.export()
    return Outcome(len(files), written, record.close())


def _write_all(
    asked: Run, rules: Rules, seen: list[Seen], record: Record, crosswalk: Crosswalk | None, bar: Bar[Any]
) -> int:
    patients = survey.of_patients(seen)
    marks = {patient: _mark(rules, known) for patient, known in patients.items()}
    traces = {each.path: _trace(rules, asked.source, each.path) for each in seen}
    to_do = _to_do(list(_tasks(asked, rules, seen, record)), record, marks, traces, asked.target)
    count = len(seen) - len(to_do)
    if crosswalk:
        changed = {each.patient for each in seen if not _is_verified(asked, each)}
        crosswalk.add("patient", {p: rules.identities.patient_id(p) for p in patients if p in changed})
    with _pool(asked, rules) as pool:
        to_do = _looked_at(pool, rules.policy, seen, to_do, bar)
        futures = {
            pool.submit(work, patient, patients[patient], some): patient for patient, some in _batches(to_do)
        }
        for future in bar(as_completed(futures), "De-identifying", len(futures)):
            done = future.result()
            if crosswalk:
                crosswalk.add("uid", {old: new for one in done for old, new in one.uids.items()})
            record.done((traces[one.source], marks[futures[future]], one) for one in done)
            count += sum(one.written is not None for one in done)
    return count


@contextmanager
def _none_dies() -> Iterator[None]:
    """A codec that crashes takes its process along."""
    try:
        yield
    except BrokenProcessPool:
        raise Misconfigured(
            "A process of the run died, perhaps of a damaged file. Run it again: it goes on where it was."
        ) from None


def _to_do(
    tasks: list[Task], record: Record, marks: Mapping[str, str], traces: Mapping[Path, str], target: Path
) -> list[Task]:
    """Those that no earlier run finished as this one would."""
    finished, left = record.finished(), []
    for task in tasks:
        row = finished.get(traces[task.seen.path])
        if row and row["mark"] == marks[task.seen.patient] and _is_there(row, task):
            record.skipped(row)
        else:
            _forget(row, target, record.held)
            left.append(task)
    return left


def _looked_at(
    pool: ProcessPoolExecutor, policy: Policy, seen: list[Seen], tasks: list[Task], bar: Bar[Any]
) -> list[Task]:
    """The tasks, with what was found in the pixels of their series."""
    if not (policy.has(Option.CLEAN_PIXEL_DATA) and policy.pixels.ocr):
        return tasks
    wanted = {task.seen.series for task in tasks}
    series: dict[str, list[Path]] = {}
    for each in seen:
        if each.series in wanted:
            series.setdefault(each.series, []).append(each.path)
    found = bar(pool.map(looking.seek, series.values()), "Reading pixels", len(series))
    sought = {uid: Sought.from_json(form) for uid, form in zip(series, found, strict=True)}
    numbers = {path: number for paths in series.values() for number, path in enumerate(paths)}
    return [replace(task, sought=sought[task.seen.series], number=numbers[task.seen.path]) for task in tasks]


def _is_there(row: Mapping[str, Any], task: Task) -> bool:
    """Whether what an earlier run wrote is where this one would write it."""
    return row["target"] in (str(task.target), str(task.held)) and Path(row["target"]).exists()


def _forget(row: Mapping[str, Any] | None, *folders: Path) -> None:
    """Take away what another policy or key made of an instance: it may hold what goes now."""
    if row and any(folder in Path(row["target"]).parents for folder in folders):
        Path(row["target"]).unlink(missing_ok=True)


def _tasks(asked: Run, rules: Rules, seen: list[Seen], record: Record) -> Iterator[Task]:
    """Where each instance goes, by the new names of all levels; one that is there twice has a number."""
    taken: dict[Path, int] = {}
    uid = rules.identities.uid
    for each in seen:
        folder = Path(_safe(rules.identities.patient_id(each.patient)), uid(each.study), uid(each.series))
        name = folder / uid(each.instance)
        number = taken[name] = taken.get(name, 0) + 1
        file = f"{name}{f'-{number}' if number > 1 else ''}.dcm"
        yield Task(each, asked.target / file, record.held / file)


def _identities(asked: Run, seen: list[Seen], crosswalk: Crosswalk | None) -> Keyed:
    named = dict(asked.patients or {})
    if asked.policy.patient_ids.scheme == "sequence":
        if crosswalk is None:
            raise Misconfigured("Patients in sequence need --crosswalk DIR, which keeps who is which.")
        named = dict(crosswalk.pairs["patient"])
        for patient in dict.fromkeys(each.patient for each in seen):
            named.setdefault(patient, f"{asked.policy.patient_ids.prefix}{len(named) + 1:04}")
    verified = (each for each in seen if _is_verified(asked, each))
    kept = frozenset(uid for each in verified for uid in (each.study, each.series, each.instance))
    return Keyed(asked.key, asked.policy.patient_ids, asked.policy.dates, named, kept)


def _is_verified(asked: Run, seen: Seen) -> bool:
    """Whether an instance is only verified: it and what refers to it keep their UIDs."""
    return seen.removed and not asked.policy.again


def _mark(rules: Rules, identifiers: Identifiers) -> str:
    """What an output depends on beside its source."""
    said = orjson.dumps([rules.policy.digest, sorted(map(str, identifiers.to_json()))])
    return rules.identities.trace(hashlib.sha256(said).digest())


def _trace(rules: Rules, source: Path, path: Path) -> str:
    """What tells a source file: its name, size and time of change."""
    state = path.stat()
    name = os.fsencode(path.relative_to(source) if path != source else path.name)
    return rules.identities.trace(b"%b\0%d\0%d" % (name, state.st_size, state.st_mtime_ns))


def _batches(tasks: list[Task]) -> Iterator[tuple[str, list[Task]]]:
    """Some instances of one patient at a time."""
    patients: dict[str, list[Task]] = {}
    for task in tasks:
        patients.setdefault(task.seen.patient, []).append(task)
    for patient, own in patients.items():
        for start in range(0, len(own), _TOGETHER):
            yield patient, own[start : start + _TOGETHER]


def _safe(name: str) -> str:
    return "".join(c if c.isalnum() or c in "-_." else "_" for c in name).lstrip(".") or "_"


def _pool(asked: Run, rules: Rules | None = None) -> ProcessPoolExecutor:
    begun: dict[str, Any] = {"initializer": begin, "initargs": (rules,)} if rules else {}
    return ProcessPoolExecutor(asked.processes or os.cpu_count(), get_context("spawn"), **begun)


def _check(asked: Run) -> None:
    if asked.policy.has(Option.CLEAN_PIXEL_DATA) and asked.policy.pixels.ocr and not ocr.is_available():
        raise Misconfigured(f"{ocr.MISSING} Or say `pixels: {{ocr: false}}` in the policy.")
    source, target, record = (path.resolve() for path in (asked.source, asked.target, asked.record))
    if not source.exists():
        raise Misconfigured(f"There is nothing at {asked.source}.")
    for one, other in ((source, target), (source, record), (target, record)):
        if one == other or one in other.parents or other in one.parents:
            raise Misconfigured("Source, target and record are three folders, none of them within another.")
    if target.exists() and not target.is_dir():
        raise Misconfigured(f"{asked.target} is a file; a folder is needed.")
    if target.exists() and any(target.iterdir()) and not (record / "journal.jsonl").exists():
        raise Misconfigured(f"{asked.target} is not empty, and no record of a run is at {asked.record}.")
