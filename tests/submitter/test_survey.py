"""The first pass: whose every file is, and what identifies them."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.errors import InvalidInstance
from app.submitter import survey
from app.submitter.survey import Seen, Unreadable
from tests import instances
from tests.submitter.made import fill


def test_files_come_in_one_order(tmp_path: Path) -> None:
    fill(tmp_path)
    found = survey.files(tmp_path)
    assert found == sorted(found)
    assert len(found) == 6


def test_what_is_kept_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "a.dcm"
    path.write_bytes(instances.part10(instances.ct(study="1.2", series="1.3", instance="1.4")))
    seen = survey.look(path)
    assert isinstance(seen, Seen)
    assert (seen.patient, seen.study, seen.series, seen.instance) == ("P1", "1.2", "1.3", "1.4")
    assert not seen.removed
    assert ("patient", "Doe^Jane") in seen.identifiers.entries


def test_patients_are_told_by_their_identifier(tmp_path: Path) -> None:
    fill(tmp_path)
    seen = [each for each in map(survey.look, survey.files(tmp_path)) if isinstance(each, Seen)]
    patients = survey.of_patients(seen)
    assert set(patients) == {"MRN-1", "MRN-2"}
    assert ("patient", "Doex^Jane") in patients["MRN-1"].entries
    assert ("patient", "Doex^Jane") not in patients["MRN-2"].entries


def test_padding_tells_no_patient_from_another(tmp_path: Path) -> None:
    path = tmp_path / "a.dcm"
    path.write_bytes(instances.part10(instances.ct(PatientID="  P1 ")))
    seen = survey.look(path)
    assert isinstance(seen, Seen)
    assert seen.patient == "P1"


def test_names_in_private_attributes_are_harvested(tmp_path: Path) -> None:
    dataset = instances.ct()
    dataset.add_new(0x00110010, "LO", "ACME")
    dataset.add_new(0x00111020, "PN", "Zebrowski^Quentin")
    path = tmp_path / "a.dcm"
    path.write_bytes(instances.part10(dataset))
    seen = survey.look(path)
    assert isinstance(seen, Seen)
    assert ("person", "Zebrowski^Quentin") in seen.identifiers.entries


@pytest.mark.parametrize("content", [b"", b"text", b"\0" * 200, bytes(128) + b"DICM"])
def test_what_is_no_instance(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.dcm"
    path.write_bytes(content)
    seen = survey.look(path)
    assert isinstance(seen, Unreadable)
    assert seen.reason.endswith(".")


def test_what_cannot_be_opened(tmp_path: Path) -> None:
    with pytest.raises(InvalidInstance), survey.opened(tmp_path / "nowhere"):
        pass
    with pytest.raises(InvalidInstance), survey.opened(tmp_path):
        pass


WHOLE = instances.part10(instances.ct(instance="1.2.3.4"))


@given(st.integers(0, len(WHOLE) - 1), st.binary(min_size=1, max_size=6))
@settings(deadline=None, max_examples=150)
def test_any_file_is_seen_or_has_a_reason(
    tmp_path_factory: pytest.TempPathFactory, place: int, value: bytes
) -> None:
    broken = bytearray(WHOLE)
    broken[place : place + len(value)] = value
    path = tmp_path_factory.mktemp("broken") / "a.dcm"
    path.write_bytes(broken)
    assert isinstance(survey.look(path), Seen | Unreadable)
