"""What the processes of a run do: one instance after another, each written whole or not at all."""

import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from app.deid import engine, looking, report
from app.deid.blank import blank, prove
from app.deid.encoding import Chunk
from app.deid.engine import Question, Rules
from app.deid.looking import Sought
from app.deid.output import PixelsSeen
from app.deid.report import Summary
from app.deid.text import Cleaner, Identifiers
from app.deid.walk import Change
from app.dicom import rewrite
from app.dicom.part10 import Part10
from app.errors import Fact
from app.submitter.survey import Seen, opened

#: With these an instance goes out all the same: what they are about is not in it any more.
_HARMLESS = frozenset({Question.DOCUMENT, Question.DATES})


@dataclass(frozen=True, slots=True)
class Task:
    """One instance to write; to `held` where a person has to look at it first."""

    seen: Seen
    target: Path
    held: Path
    #: What was found in the pixels of its series, and its number in it; None where nobody looked.
    sought: Sought | None = None
    number: int = 0


@dataclass(frozen=True, slots=True)
class Done:
    """What became of an instance; where it is not `written` it could not be, and `reasons` say why."""

    source: Path
    written: Path | None = None
    reasons: tuple[str, ...] = ()
    uids: Mapping[str, str] = field(default_factory=dict)
    changes: tuple[Change, ...] = ()
    summary: Summary | None = None
    document: bool = False


class _Process:
    """What each process of a run knows from its beginning."""

    rules: Rules


def begin(rules: Rules) -> None:
    """What a process does first."""
    _Process.rules = rules


def work(patient: str, identifiers: Identifiers, tasks: list[Task]) -> list[Done]:
    """De-identify some instances of one patient."""
    cleaner = _Process.rules.cleaner(patient, identifiers)
    return [_one(task, cleaner) for task in tasks]


def _one(task: Task, cleaner: Cleaner) -> Done:
    try:
        with opened(task.seen.path) as instance:
            if task.seen.removed and not _Process.rules.policy.again:
                return _verified(task, instance, cleaner)
            asked = looking.wanted(instance, _Process.rules.policy, task.sought, task.number)
            try:
                return _written(task, instance, cleaner, asked)
            except looking.FAILURES:
                return _written(task, instance, cleaner, looking.NOT_SEEN)
    except Fact as fact:
        return Done(task.seen.path, reasons=(fact.detail,))


def _written(task: Task, instance: Part10, cleaner: Cleaner, asked: looking.Wanted) -> Done:
    source = rewrite.Source(instance, lambda offset, length: instance.data[offset : offset + length])
    made = blank(source, asked.boxes) if asked.boxes else None
    seen = PixelsSeen(asked.clean, made is not None)
    result = engine.deidentify(instance, _Process.rules, cleaner, made, seen)
    target = task.target if _HARMLESS.issuperset(result.questions) else task.held
    with _writing(target) as half:
        _write(half, result.chunks)
        if made:
            with opened(half) as again:
                read = rewrite.Source(again, lambda offset, length: again.data[offset : offset + length])
                prove(source, read, asked.boxes)
    return Done(
        task.seen.path,
        target,
        tuple(question.value for question in result.questions),
        result.uids,
        tuple(result.changes),
        report.summary(result),
        result.document is not None,
    )


def _verified(task: Task, instance: Part10, cleaner: Cleaner) -> Done:
    """An instance that says that it is de-identified goes out as it is, if nothing speaks against it."""
    result = engine.deidentify(instance, _Process.rules, cleaner)
    left = engine.left_over(result, _Process.rules.identities)
    reasons = [f"{Question.NOT_DE_IDENTIFIED}: {', '.join(left)}"] if left else []
    reasons += [question.value for question in engine.stated(instance, result)]
    target = task.held if reasons else task.target
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(task.seen.path, target)
    return Done(task.seen.path, target, tuple(reasons), summary=Summary((), tuple(reasons), ()))


def _write(path: Path, chunks: Iterable[Chunk]) -> None:
    with path.open("wb") as file:
        file.writelines(chunks)


@contextmanager
def _writing(target: Path) -> Iterator[Path]:
    """A file that becomes `target` when all went well."""
    target.parent.mkdir(parents=True, exist_ok=True)
    half = target.with_suffix(".half")
    try:
        yield half
        half.replace(target)
    except BaseException:
        half.unlink(missing_ok=True)
        raise
