"""The benchmark of the index at scale: a sample of it, on both databases, against DuckDB."""

import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from bench.scale.asking import check
from bench.scale.door import Answer, WrongAnswerError
from bench.scale.oracle import Expected
from bench.scale.queries import Kind, Question

ROOT = Path(__file__).parents[2]
#: On SQLite that of `make bench-scale FRACTION=0.02`, two minutes of a processor. PostgreSQL takes more, and
#: a quarter of the sample has every kind of question and of answer as well.
SAMPLES = {"SQLite": "0.02", "PostgreSQL": "0.005"}
#: The command, after whose loading one series is said to have one instance more than it has.
SPOILED = """
import sys
from sqlalchemy import text
from app.database.loading import load
from bench.scale import __main__ as command
from bench.scale.filling import fill

SPOIL = text(
    "UPDATE series SET number_of_series_related_instances = number_of_series_related_instances + 1 "
    "WHERE id = (SELECT min(series.id) FROM series JOIN study USING (study_instance_uid) "
    "WHERE study.study_date = (SELECT max(study_date) FROM study))"
)

def spoiled(url, duck):
    filled = fill(url, duck)
    load(url, lambda connection: connection.execute(SPOIL))
    return filled

command.fill = spoiled
sys.exit(command.main())
"""


def run(engine: str, sample: str, folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    where = ["--cache", str(ROOT / ".cache"), "--folder", str(folder), "--markdown", str(folder / "table.md")]
    words = [sys.executable, *command, "--fraction", sample, "--engine", engine, *where]
    return subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("engine", SAMPLES)
def test_a_sample_gets_the_answers_of_duckdb(
    engine: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    if engine == "PostgreSQL":
        request.getfixturevalue("postgres")
    done = run(engine, SAMPLES[engine], tmp_path, "-m", "bench.scale")
    assert done.returncode == 0, done.stdout + done.stderr
    told = (tmp_path / "table.md").read_text()
    assert "| database, fraction | query | p50 ms | p95 ms |" in told
    for kind in ("work list", "PatientID exact", "private attribute", "nested attribute", "offset"):
        assert re.search(rf"\| {engine}, {SAMPLES[engine]} \| {kind}", told)


def test_it_fails_where_a_row_is_not_what_the_source_says(tmp_path: Path) -> None:
    done = run("SQLite", "0.0005", tmp_path, "-c", SPOILED)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "work list, newest 101, " in done.stdout
    assert "they differ at " in done.stdout
    assert not (tmp_path / "table.md").exists()


def test_an_answer_that_differs_is_told() -> None:
    question = Question("owner", "/dicom-web/studies", "", lambda: expected)
    kind = Kind("a kind", 10, [question])
    expected = Expected([("1.2", "20240229", "P", ["CT"], 1, 2)], 1)
    body = (
        b'[{"0020000D":{"Value":["1.2"]},"00080020":{"Value":["20240229"]},"00100020":{"Value":["P"]},'
        b'"00080061":{"Value":["CT"]},"00201206":{"Value":[1]},"00201208":{"Value":[2]}}]'
    )
    right = Answer(200, {b"x-total-count": b"1"}, body, 0)
    check(kind, question, right)
    for wrong in (
        replace(right, body=body.replace(b'"P"', b'"Q"')),
        replace(right, headers={b"x-total-count": b"2"}),
        replace(right, status=204),
    ):
        with pytest.raises(WrongAnswerError):
            check(kind, question, wrong)
