"""A folder de-identified into another: first all is looked at, then patient after patient is written."""

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any, TypeVar

import orjson

from app.crosswalk import Crosswalk
from app.deid.engine import Rules
from app.deid.identity import Keyed
from app.deid.policy import Policy
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
    finished = record.finished()
    tasks: dict[str, list[Task]] = {}
    count = 0
    for task in _tasks(asked, rules, seen, record):
        row = finished.get(traces[task.seen.path])
        if row and row["mark"] == marks[task.seen.patient] and _is_there(row, task):
            record.skipped(row)
            count += 1
        else:
            _forget(row, asked.target, record.held)
            tasks.setdefault(task.seen.patient, []).append(task)
    if crosswalk:
        crosswalk.add("patient", {p: rules.identities.patient_id(p) for p in patients})
    with _pool(asked, rules) as pool:
        futures = {
            pool.submit(work, patient, patients[patient], some): patient
            for patient, all_of in tasks.items()
            for some in _batches(all_of)
        }
        for future in bar(as_completed(futures), "De-identifying", len(futures)):
            done = future.result()
            if crosswalk:
                crosswalk.add("uid", {old: new for one in done for old, new in one.uids.items()})
            record.done((traces[one.source], marks[futures[future]], one) for one in done)
            count += sum(one.written is not None for one in done)
    return count


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
    return Keyed(asked.key, asked.policy.patient_ids, asked.policy.dates, named)


def _mark(rules: Rules, identifiers: Identifiers) -> str:
    """What an output depends on beside its source."""
    said = orjson.dumps([rules.policy.digest, sorted(map(str, identifiers.to_json()))])
    return rules.identities.trace(hashlib.sha256(said).digest())


def _trace(rules: Rules, source: Path, path: Path) -> str:
    """What tells a source file: its name, size and time of change."""
    state = path.stat()
    name = os.fsencode(path.relative_to(source) if path != source else path.name)
    return rules.identities.trace(b"%b\0%d\0%d" % (name, state.st_size, state.st_mtime_ns))


def _batches(tasks: list[Task]) -> Iterator[list[Task]]:
    for start in range(0, len(tasks), _TOGETHER):
        yield tasks[start : start + _TOGETHER]


def _safe(name: str) -> str:
    return "".join(c if c.isalnum() or c in "-_." else "_" for c in name).lstrip(".") or "_"


def _pool(asked: Run, rules: Rules | None = None) -> ProcessPoolExecutor:
    begun: dict[str, Any] = {"initializer": begin, "initargs": (rules,)} if rules else {}
    return ProcessPoolExecutor(asked.processes or os.cpu_count(), get_context("spawn"), **begun)


def _check(asked: Run) -> None:
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
