"""The crosswalk: only its key opens it, and a run that was killed does not spoil it."""

import csv
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.crosswalk import Crosswalk, Seal
from app.errors import Misconfigured

KEY, OTHER = bytes(range(32)), bytes(range(1, 33))
PAIRS = {"MRN-4711": "LUNG-1", "Müller, Ü": "LUNG-2", 'with "quotes",\nand lines': "LUNG-3"}


def filled(folder: Path) -> Crosswalk:
    made = Crosswalk(folder, KEY)
    made.add("patient", PAIRS)
    made.add("uid", {"1.2.3": "2.25.1"})
    return made


def test_it_comes_back(tmp_path: Path) -> None:
    filled(tmp_path)
    again = Crosswalk(tmp_path, KEY)
    assert again.pairs == {"patient": PAIRS, "uid": {"1.2.3": "2.25.1"}}


def test_what_is_known_is_not_written_again(tmp_path: Path) -> None:
    made = filled(tmp_path)
    size = (tmp_path / "crosswalk.sealed").stat().st_size
    made.add("patient", PAIRS)
    made.add("patient", {"MRN-4711": "another"})
    assert (tmp_path / "crosswalk.sealed").stat().st_size == size
    assert made.pairs["patient"]["MRN-4711"] == "LUNG-1"


def test_nothing_in_it_can_be_read(tmp_path: Path) -> None:
    filled(tmp_path)
    sealed = (tmp_path / "crosswalk.sealed").read_bytes()
    for secret in (b"MRN", b"4711", b"LUNG", b"2.25", b"patient", b"uid"):
        assert secret not in sealed
    assert sorted(path.name for path in tmp_path.iterdir()) == ["crosswalk.sealed"]


def test_equal_values_are_sealed_differently(tmp_path: Path) -> None:
    filled(tmp_path / "a")
    filled(tmp_path / "b")
    one, other = ((tmp_path / name / "crosswalk.sealed").read_bytes() for name in "ab")
    assert one != other


def test_another_key_does_not_open_it(tmp_path: Path) -> None:
    filled(tmp_path)
    before = (tmp_path / "crosswalk.sealed").read_bytes()
    with pytest.raises(Misconfigured, match="another key"):
        Crosswalk(tmp_path, OTHER)
    assert (tmp_path / "crosswalk.sealed").read_bytes() == before


@pytest.mark.parametrize("cut", [1, 3, 4, 20, 60])
def test_a_cut_off_end_is_left_out(tmp_path: Path, cut: int) -> None:
    filled(tmp_path)
    path = tmp_path / "crosswalk.sealed"
    path.write_bytes(path.read_bytes()[:-cut])
    again = Crosswalk(tmp_path, KEY)
    assert again.pairs == {"patient": PAIRS, "uid": {}}
    again.add("uid", {"1.2.4": "2.25.4"})
    assert Crosswalk(tmp_path, KEY).pairs["uid"] == {"1.2.4": "2.25.4"}


def test_what_was_changed_is_noticed(tmp_path: Path) -> None:
    filled(tmp_path)
    path = tmp_path / "crosswalk.sealed"
    content = bytearray(path.read_bytes())
    content[30] ^= 1
    path.write_bytes(content)
    with pytest.raises(Misconfigured):
        Crosswalk(tmp_path, KEY)


def test_the_export_is_for_nobody_else(tmp_path: Path) -> None:
    filled(tmp_path).export()
    for name, rows in (("patient", PAIRS), ("uid", {"1.2.3": "2.25.1"})):
        path = tmp_path / f"{name}.csv"
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        with path.open(newline="", encoding="utf-8") as file:
            read = list(csv.reader(file))
        assert read[0] == ["id_old", "id_new"]
        assert dict(read[1:]) == rows


def test_its_folder_is_for_nobody_else(tmp_path: Path) -> None:
    filled(tmp_path / "new" / "crosswalk")
    assert stat.S_IMODE((tmp_path / "new" / "crosswalk").stat().st_mode) == 0o700


@given(st.text(max_size=30), st.text(max_size=30))
def test_lookups(one: str, other: str) -> None:
    seal = Seal(KEY)
    assert (seal.lookup("patient", one) == seal.lookup("patient", other)) == (one == other)
    assert seal.lookup("patient", one) != seal.lookup("uid", one)
    assert seal.lookup("patient", one) != Seal(OTHER).lookup("patient", one)
    assert len(seal.lookup("patient", one)) == 16


def test_a_seal_knows_its_kind() -> None:
    seal = Seal(KEY)
    sealed = seal.close({"a": [1]}, "patient")
    assert seal.open(sealed, "patient") == {"a": [1]}
    for wrong in (sealed[:10], b"", sealed[:-1], sealed + b"x"):
        with pytest.raises(Misconfigured):
            seal.open(wrong, "patient")
    with pytest.raises(Misconfigured):
        seal.open(sealed, "uid")
