"""Asks what is in the mix, and compares each answer with DuckDB's."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from bench.scale.door import Answer, Door, WrongAnswerError
from bench.scale.oracle import FACETS, Expected
from bench.scale.queries import Kind, Question

#: How often every question is asked once its answer is known to be right; all of a kind so often at least.
ROUNDS, ASKED = 3, 100


@dataclass(frozen=True, slots=True)
class Measured:
    """Milliseconds of each answer to questions of a kind, sorted, and the CPU that one takes."""

    kind: Kind
    walls: list[float]
    cpu: float

    def percentile(self, of: int) -> float:
        """So many of a hundred take no longer."""
        return self.walls[min(len(self.walls) - 1, len(self.walls) * of // 100)]


async def measured(door: Door, kind: Kind, cpu: Callable[[], float]) -> Measured:
    """Check every answer of the kind, then ask again and again. Raises WrongAnswerError."""
    for question in kind.questions:
        check(kind, question, await door.ask(question.caller, question.path, question.query))
    walls: list[float] = []
    before = cpu()
    for _ in range(max(ROUNDS, -(-ASKED // len(kind.questions)))):
        for question in kind.questions:
            answer = await door.ask(question.caller, question.path, question.query)
            walls.append(answer.seconds * 1000)
    spent = (cpu() - before) * 1000 / len(walls)
    return Measured(kind, sorted(walls), spent)


def check(kind: Kind, question: Question, answer: Answer) -> None:
    """Raises WrongAnswerError where the answer is not that of DuckDB."""
    expected, found = question.expected(), _found(answer)
    if expected.lines != found.lines or expected.total != found.total:
        pairs = zip(expected.lines, found.lines, strict=False)
        where = next((place for place, (one, other) in enumerate(pairs) if one != other), "the end")
        raise WrongAnswerError(
            f"{kind.name}, {question.caller}, {question.path}?{question.query} ({answer.status}): "
            f"DuckDB has {len(expected.lines)} of {expected.total}, the archive {len(found.lines)} of "
            f"{found.total}; they differ at {where}: "
            f"{expected.lines[where : where + 1] if isinstance(where, int) else ''} "
            f"{found.lines[where : where + 1] if isinstance(where, int) else answer.body[:300]!r}"
        )


def _found(answer: Answer) -> Expected:
    results = orjson.loads(answer.body) if answer.status == 200 else []
    if isinstance(results, dict):
        return Expected([line for name in FACETS for line in _facet(name, results[name])], None)
    total = answer.headers.get(b"x-total-count")
    return Expected([_line(each) for each in results], int(total) if total is not None else None)


def _facet(name: str, facet: Any) -> Iterator[tuple[Any, ...]]:
    yield name, facet["distinct"]
    for each in facet["values"]:
        yield name, each["value"] or "", each["series"], each["instances"]


def _line(result: Any) -> tuple[Any, ...]:
    def first(key: str, otherwise: Any = "") -> Any:
        return next(iter(result.get(key, {}).get("Value", ())), otherwise)

    if "0020000E" in result:
        return first("0020000E"), first("00080060"), first("00201209")
    modalities = result.get("00080061", {}).get("Value", [])
    counts = first("00201206"), first("00201208")
    return first("0020000D"), first("00080020"), first("00100020"), modalities, *counts


def worst(found: Sequence[Measured]) -> list[str]:
    """Which kinds take longer than they may."""
    return [each.kind.name for each in found if each.percentile(95) > each.kind.may]
