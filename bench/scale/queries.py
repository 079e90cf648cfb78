"""The query mix of a large archive: what is asked, by whom, and what DuckDB says to it."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import quote

from bench.scale.attributes import BY_NAME
from bench.scale.oracle import NAME, Expected, Oracle, number, told
from bench.scale.source import LARGEST

CALLERS = ("visitor", "member", "owner")
STUDIES, ARCHIVE = "studies", "/dicom-web"
_OHIF = "includefield=00081030,00080060,00080061"


@dataclass(frozen=True, slots=True)
class Question:
    """One request of a caller, and its answer."""

    caller: str
    path: str
    query: str
    expected: Callable[[], Expected]


@dataclass(frozen=True, slots=True)
class Kind:
    """A row of the table: questions that differ in their values, and what they may take (p95, ms)."""

    name: str
    may: float
    questions: Sequence[Question]


def mix(oracle: Oracle) -> Iterator[Kind]:
    """All page queries, with values that are in the sample."""
    ask = partial(_studies, oracle)
    yield Kind("work list, newest 101", 10, list(ask("true", [""], lambda _: _OHIF, lambda _: ())))
    ids = oracle.one(
        "SELECT PatientID FROM studies WHERE PatientID <> '' ORDER BY md5(StudyInstanceUID) LIMIT 12"
    )
    yield Kind("PatientID exact", 10, list(ask("PatientID = ?", ids, _is("PatientID"))))
    yield Kind("PatientID prefix", 10, list(ask(*_prefix("PatientID", [each[:6] for each in ids]))))
    yield Kind("PatientID infix", 40, list(ask(*_infix("PatientID", [each[-5:-1] for each in ids]))))
    names = oracle.one(f"SELECT {NAME} FROM studies ORDER BY md5(StudyInstanceUID) LIMIT 12")
    yield Kind(
        "PatientName prefix", 10, list(ask(*_prefix("PatientName", [each[:6] for each in names], NAME)))
    )
    yield Kind(
        "PatientName infix", 40, list(ask(*_infix("PatientName", [each[3:9] for each in names], NAME)))
    )
    told_of = oracle.one(
        "SELECT DISTINCT StudyDescription FROM studies WHERE length(StudyDescription) > 8 "
        "ORDER BY md5(StudyDescription) LIMIT 12"
    )
    description = "StudyDescription"
    yield Kind(
        "StudyDescription prefix", 10, list(ask(*_prefix(description, [each[:5] for each in told_of])))
    )
    yield Kind("StudyDescription infix", 40, list(ask(*_infix(description, [each[3:8] for each in told_of]))))
    years = [str(year) for year in range(1994, 2022, 3)]
    yield Kind("StudyDate range", 10, list(ask("StudyDate BETWEEN ? AND ?", years, _range, _days)))
    for rare, modality in (("common", "CT"), ("rare", "XA")):
        asked = ask("list_contains(modalities, ?)", [modality], _is("ModalitiesInStudy"))
        yield Kind(f"ModalitiesInStudy {rare}", 10, list(asked))
    yield from _of_tags(oracle)
    largest = [
        Question(caller, f"{ARCHIVE}/studies/{LARGEST}/series", "", partial(oracle.series, caller, LARGEST))
        for caller in CALLERS
    ]
    yield Kind("series of the largest study", 10, largest)
    yield deep(oracle)
    yield Kind("facets", 50, list(_facets(oracle)))


def _facets(oracle: Oracle) -> Iterator[Question]:
    for caller in CALLERS:
        for modality in ("", "CT", "MR"):
            chosen = f"modality={modality}" if modality else ""
            yield Question(caller, "/api/v1/facets", chosen, partial(oracle.facets, caller, modality))


def deep(oracle: Oracle) -> Kind:
    """A page far down the list; of a small sample, one as far down as it has."""
    [studies] = oracle.one("SELECT count(*) FROM studies")
    offset = min(100_000, studies * 3 // 5)
    asked = _studies(oracle, "true", [""], lambda _: f"offset={offset}", lambda _: (), offset)
    return Kind(f"offset {offset:,}", 50, list(asked))


def _of_tags(oracle: Oracle) -> Iterator[Kind]:
    private, nested = "00191003[RR SCALE]", "AnatomicRegionSequence.CodeValue"
    ask = partial(_studies, oracle)
    yield Kind("private attribute", 10, list(ask(f"{number(private)} = ?", range(100, 112), _tag(private))))
    own = number(nested, "series")
    having = f"StudyInstanceUID IN (SELECT StudyInstanceUID FROM source WHERE {own} = ?)"
    yield Kind("nested attribute", 10, list(ask(having, range(40, 52), _tag(nested))))
    yield Kind("two attributes", 10, list(_two(oracle, nested, "KVP", range(20, 32))))
    yield Kind("two common attributes", 10, list(_two(oracle, "KVP", "RotationDirection", range(8))))


def _two(oracle: Oracle, one: str, other: str, values: range) -> Iterator[Question]:
    """Both in one study, but not of need in one series."""
    count = BY_NAME[other].count
    both = f"""
        StudyInstanceUID IN (SELECT StudyInstanceUID FROM source WHERE {number(one, "series")} = ?)
        AND StudyInstanceUID IN (
            SELECT StudyInstanceUID FROM source WHERE {number(other, "series")} = ? % {count}
        )
    """

    def asked(of: Any) -> str:
        return f"{_tag(one)(of)}&{_tag(other)(of % count)}"

    return _studies(oracle, both, values, asked, lambda of: (of, of))


def _studies(
    oracle: Oracle,
    condition: str,
    values: Sequence[Any] | range,
    asked: Callable[[Any], str],
    compared: Callable[[Any], Sequence[Any]] = lambda of: (of,),
    offset: int = 0,
) -> Iterator[Question]:
    for caller in CALLERS:
        for of in values:
            expected = partial(oracle.studies, caller, condition, compared(of), offset=offset)
            yield Question(caller, f"{ARCHIVE}/{STUDIES}", f"limit=101&{asked(of)}", expected)


def _is(keyword: str) -> Callable[[Any], str]:
    return lambda of: f"{keyword}={quote(of)}"


def _tag(name: str) -> Callable[[Any], str]:
    path = name.replace("001910", "001900", 1) if "[" in name else name
    return lambda of: f"{quote(path)}={quote(told(name, of))}"


def _range(year: str) -> str:
    first, last = _days(year)
    return f"StudyDate={first}-{last}"


def _days(year: str) -> tuple[str, str]:
    return f"{year}0301", f"{int(year) + 1}0215"


def _prefix(keyword: str, values: Sequence[str], of: str = "") -> Any:
    return _pattern(keyword, values, of, "", "starts_with")


def _infix(keyword: str, values: Sequence[str], of: str = "") -> Any:
    return _pattern(keyword, values, of, "*", "contains")


def _pattern(keyword: str, values: Sequence[str], of: str, before: str, test: str) -> Any:
    # Wildcards in the data itself would be wildcards in what is asked.
    plain = sorted({value for value in values if value and not set(value) & set("*?")})
    folded = (lambda text: f"lower({text})") if of else (lambda text: text)
    condition = f"{test}({folded(of or keyword)}, {folded('?')})"
    return condition, plain, lambda value: f"{keyword}={quote(before + value + '*')}"
