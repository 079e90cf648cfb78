"""A small corpus, and what its own key makes of it, once for all tests of the judge."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.deid.corpus.made import make
from tests.deid.judge.maps import Maps
from tests.deid.judge.score import Score, score
from tests.deid.key import Key
from tests.deid.oracle import oracle

#: Patients: one with a name in Latin-1 among them.
FEW = 2


@dataclass(frozen=True, slots=True)
class Judged:
    """A corpus, a de-identified copy with its maps, and the score of that."""

    source: Path
    output: Path
    key: Key
    maps: Maps
    score: Score


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Key]:
    """The small corpus: where, and its key."""
    folder = tmp_path_factory.mktemp("deid") / "source"
    return folder, make(folder, patients=FEW)


@pytest.fixture(scope="session")
def perfect(corpus: tuple[Path, Key]) -> Judged:
    """What the key itself asks for."""
    source, key = corpus
    output = source.parent / "perfect"
    maps = oracle(source, output, key)
    return Judged(source, output, key, maps, score(source, output, key, maps, validated=False))
