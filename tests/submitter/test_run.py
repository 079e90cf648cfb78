"""A folder into a folder: nothing of anybody is left, nothing is done twice, a kill does no harm."""

import csv
import json
import stat
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydicom import Dataset, dcmread
from pydicom.uid import EncapsulatedPDFStorage

from app.deid import policy
from app.deid.identity import Keyed
from app.errors import InvalidPolicy, Misconfigured
from app.submitter import work
from app.submitter.run import Outcome
from tests import instances
from tests.deid.made import OTHER_KEY, result
from tests.submitter.made import BY, POLICY, SECRETS, content, done, fill, in_this_process, written

HELD = policy.preset("tcia")


@pytest.fixture(autouse=True)
def _quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    in_this_process(monkeypatch)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return fill(tmp_path / "source")


def record(target: Path) -> Path:
    return target.with_name(f"{target.name}-record")


def reasons(target: Path) -> list[tuple[str, str]]:
    with (record(target) / "reasons.csv").open(newline="", encoding="utf-8") as file:
        return [(row["file"], row["reason"]) for row in csv.DictReader(file)]


def test_nothing_of_anybody_is_left(source: Path, tmp_path: Path) -> None:
    target = tmp_path / "out"
    assert done(source, target, crosswalk=tmp_path / "crosswalk") == Outcome(6, 6, 0)
    for name, data in content(target).items():
        for secret in SECRETS:
            assert secret not in data.lower()
            assert secret not in name.lower().encode()
    found = written(target)
    assert len({dataset.PatientID for dataset in found.values()}) == 2
    assert {dataset.get("SeriesDescription", "").strip() for dataset in found.values()} == {"", "chest of"}
    for name, dataset in found.items():
        patient, study, series, file = name.split("/")
        assert patient == dataset.PatientID == dataset.PatientName
        assert study == dataset.StudyInstanceUID
        assert series == dataset.SeriesInstanceUID
        assert file == f"{dataset.SOPInstanceUID}.dcm"


def test_the_record_holds_no_value(source: Path, tmp_path: Path) -> None:
    target = tmp_path / "out"
    done(source, target, crosswalk=tmp_path / "crosswalk")
    assert stat.S_IMODE(record(target).stat().st_mode) == 0o700
    for name in ("log.jsonl", "certificate.json", "certificate.html"):
        said = (record(target) / name).read_bytes().lower()
        for secret in (*SECRETS, b"19700101", b"20240229"):
            assert secret not in said, name
    rows = [json.loads(line) for line in (record(target) / "log.jsonl").read_bytes().splitlines()]
    assert {"path", "action", "rule", "trace", "source"} == set(rows[0])
    assert len({row["source"] for row in rows}) == 6


def test_the_crosswalk_says_who_is_who(source: Path, tmp_path: Path) -> None:
    target, folder = tmp_path / "out", tmp_path / "crosswalk"
    done(source, target, crosswalk=folder)
    tables = {}
    for kind in ("patient", "uid"):
        with (folder / f"{kind}.csv").open(newline="", encoding="utf-8") as file:
            tables[kind] = {row["id_old"]: row["id_new"] for row in csv.DictReader(file)}
    found = written(target).values()
    assert set(tables["patient"]) == {"MRN-1", "MRN-2"}
    assert set(tables["patient"].values()) == {dataset.PatientID for dataset in found}
    assert {dataset.SOPInstanceUID for dataset in found} <= set(tables["uid"].values())
    assert {"1.2.1", "1.2.1.0", "1.2.1.9.0"} <= set(tables["uid"])


def test_it_is_the_engines_work_and_the_same_each_time(tmp_path: Path) -> None:
    source = fill(tmp_path / "source", patients=1, each=1)
    done(source, tmp_path / "one")
    done(source, tmp_path / "other")
    assert content(tmp_path / "one") == content(tmp_path / "other")
    original = next(source.rglob("*.dcm")).read_bytes()
    assert list(content(tmp_path / "one").values()) == [result(original, BY)[0]]


def counted(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The tasks that are really done from here on."""
    seen: list[Any] = []
    one = work._one

    def counting(task: Any, cleaner: Any) -> Any:
        seen.append(task)
        return one(task, cleaner)

    monkeypatch.setattr(work, "_one", counting)
    return seen


def test_a_second_run_does_nothing(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "out"
    first = done(source, target)
    certificate = (record(target) / "certificate.json").read_bytes()
    times = {path: path.stat().st_mtime_ns for path in target.rglob("*.dcm")}
    tasks = counted(monkeypatch)
    assert done(source, target) == first
    assert not tasks
    assert (record(target) / "certificate.json").read_bytes() == certificate
    assert times == {path: path.stat().st_mtime_ns for path in target.rglob("*.dcm")}


def test_what_is_missing_new_or_changed_is_done(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "out"
    done(source, target)
    next(target.rglob("*.dcm")).unlink()
    fresh = instances.ct(study="1.2.3", instance="1.2.3.9.9", PatientID="MRN-3")
    (source / "new.dcm").write_bytes(instances.part10(fresh))
    tasks = counted(monkeypatch)
    assert done(source, target).written == 7
    assert len(tasks) == 2


def test_what_is_learnt_of_a_patient_does_all_of_theirs_again(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "out"
    done(source, target)
    late = instances.ct(study="1.2.1", instance="1.2.1.9.9", PatientID="MRN-1", PatientName="Chest^Jane")
    late.OtherPatientNames = "Zebrowski^Jane"
    (source / "late.dcm").write_bytes(instances.part10(late))
    tasks = counted(monkeypatch)
    done(source, target)
    assert len(tasks) == 4


def test_another_policy_or_key_leaves_nothing_of_the_first(source: Path, tmp_path: Path) -> None:
    target = tmp_path / "out"
    done(source, target)
    before = set(content(target))
    strict = policy.parse(POLICY.replace("name: lung", "name: strict\npatient_ids: {prefix: L-}"))
    assert done(source, target, policy=strict).written == 6
    assert not before & set(content(target))
    assert len(content(target)) == 6
    assert all(dataset.PatientID.startswith("L-") for dataset in written(target).values())
    assert done(source, target, policy=strict, key=OTHER_KEY).written == 6


@pytest.mark.parametrize("after", [0, 1, 4])
def test_a_kill_does_no_harm(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    """However early it comes, the next run goes on and ends as if nothing had been."""
    done(source, tmp_path / "whole")
    target, one, count = tmp_path / "out", work._one, 0

    def dying(task: Any, cleaner: Any) -> Any:
        nonlocal count
        count += 1
        if count > after:
            half = task.target.with_suffix(".half")
            half.parent.mkdir(parents=True, exist_ok=True)
            half.write_bytes(b"half")
            raise KeyboardInterrupt
        return one(task, cleaner)

    with monkeypatch.context() as patched:
        patched.setattr(work, "_one", dying)
        with pytest.raises(KeyboardInterrupt):
            done(source, target)
    assert done(source, target) == Outcome(6, 6, 0)
    assert content(target) == content(tmp_path / "whole")
    assert not list(target.rglob("*.half"))


def test_a_torn_journal_is_read_as_far_as_it_goes(source: Path, tmp_path: Path) -> None:
    target = tmp_path / "out"
    done(source, target)
    journal = record(target) / "journal.jsonl"
    journal.write_bytes(journal.read_bytes()[:-40] + b"\nnot json\n[1]\n")
    assert done(source, target) == Outcome(6, 6, 0)


def test_what_is_no_instance_has_a_reason(source: Path, tmp_path: Path) -> None:
    (source / "notes.txt").write_text("Jane Doe")
    (source / "empty.dcm").touch()
    whole = next(source.rglob("*.dcm")).read_bytes()
    (source / "cut.dcm").write_bytes(whole[:-20])
    target = tmp_path / "out"
    assert done(source, target) == Outcome(9, 6, 3)
    assert {Path(file).name for file, _ in reasons(target)} == {"notes.txt", "empty.dcm", "cut.dcm"}
    assert all("Doe" not in reason for _, reason in reasons(target))


def test_a_document_is_put_aside(tmp_path: Path) -> None:
    dataset = instances.ct(
        SOPClassUID=EncapsulatedPDFStorage, MIMETypeOfEncapsulatedDocument="application/pdf"
    )
    dataset.EncapsulatedDocument, dataset.Modality = b"%PDF-1.4 Dear Jane", "DOC"
    del dataset.PixelData
    (tmp_path / "source").mkdir()
    original = instances.part10(dataset)
    (tmp_path / "source" / "letter.dcm").write_bytes(original)
    target = tmp_path / "out"
    assert done(tmp_path / "source", target) == Outcome(1, 1, 1)
    (after,) = written(target).values()
    assert b"Jane" not in after.EncapsulatedDocument
    (kept,) = (record(target) / "quarantine").iterdir()
    assert kept.read_bytes() == original
    assert done(tmp_path / "source", target) == Outcome(1, 1, 1)


def test_what_a_person_has_to_see_does_not_go_out(source: Path, tmp_path: Path) -> None:
    burned = instances.ct(instance="1.2.1.9.77", study="1.2.1", BurnedInAnnotation="YES", PatientID="MRN-1")
    (source / "burned.dcm").write_bytes(instances.part10(burned))
    target = tmp_path / "out"
    assert done(source, target) == Outcome(7, 7, 1)
    assert len(content(target)) == 6
    assert len(content(record(target) / "to-decide")) == 1


def removed(**values: Any) -> bytes:
    dataset = instances.ct(PatientIdentityRemoved="YES", PatientBirthDate="", AccessionNumber="", **values)
    dataset.PatientID = dataset.PatientName = "LUNG-1"
    dataset.ReferringPhysicianName = dataset.StudyID = ""
    return instances.part10(dataset)


def test_what_is_de_identified_goes_out_as_it_is(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "out"
    source.mkdir()
    data = removed()
    (source / "a.dcm").write_bytes(data)
    assert done(source, target) == Outcome(1, 1, 0)
    assert list(content(target).values()) == [data]


@pytest.mark.parametrize(
    "values",
    [
        {"ReferringPhysicianName": "Roe^Richard"},
        {"PatientAddress": "19 Elm Street"},
        {"BurnedInAnnotation": "YES"},
        {"EncapsulatedDocument": b"Dear Jane.", "MIMETypeOfEncapsulatedDocument": "application/pdf"},
    ],
)
def test_what_only_says_that_it_is_de_identified_does_not(tmp_path: Path, values: dict[str, Any]) -> None:
    source, target = tmp_path / "source", tmp_path / "out"
    source.mkdir()
    dataset = dcmread(_file(tmp_path / "plain.dcm", removed()))
    for keyword, value in values.items():
        setattr(dataset, keyword, value)
    (source / "a.dcm").write_bytes(instances.part10(dataset))
    assert done(source, target) == Outcome(1, 1, 1)
    assert not content(target)
    assert len(content(record(target) / "to-decide")) == 1


def _file(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def test_unless_asked(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "out"
    source.mkdir()
    (source / "a.dcm").write_bytes(removed())
    again = policy.parse(POLICY + "again: true\n")
    assert done(source, target, policy=again) == Outcome(1, 1, 0)
    (after,) = written(target).values()
    assert after.PatientID != "LUNG-1"


def test_one_instance_twice_is_two_files(source: Path, tmp_path: Path) -> None:
    copied = next(source.rglob("*.dcm"))
    (source / "again.dcm").write_bytes(copied.read_bytes())
    target = tmp_path / "out"
    assert done(source, target) == Outcome(7, 7, 0)
    assert len(content(target)) == 7


def test_patients_in_sequence(source: Path, tmp_path: Path) -> None:
    by = policy.parse(POLICY + "patient_ids: {scheme: sequence, prefix: LUNG-}\n")
    with pytest.raises(Misconfigured, match="--crosswalk"):
        done(source, tmp_path / "out", policy=by)
    folder = tmp_path / "crosswalk"
    done(source, tmp_path / "one", policy=by, crosswalk=folder)
    assert {d.PatientID for d in written(tmp_path / "one").values()} == {"LUNG-0001", "LUNG-0002"}
    more = fill(tmp_path / "more", patients=3)
    done(more, tmp_path / "other", policy=by, crosswalk=folder)
    by_study = {d.StudyInstanceUID: d.PatientID for d in written(tmp_path / "one").values()}
    after = {d.StudyInstanceUID: d.PatientID for d in written(tmp_path / "other").values()}
    assert by_study.items() <= after.items()
    assert set(after.values()) == {"LUNG-0001", "LUNG-0002", "LUNG-0003"}


def test_patients_by_a_table(source: Path, tmp_path: Path) -> None:
    by = policy.parse(POLICY + "patient_ids: {scheme: table}\n")
    with pytest.raises(InvalidPolicy) as refused:
        done(source, tmp_path / "out", policy=by, patients={"MRN-1": "A"})
    assert "MRN" not in refused.value.detail
    done(source, tmp_path / "out", policy=by, patients={"MRN-1": "A", "MRN-2": "B"})
    assert {dataset.PatientID for dataset in written(tmp_path / "out").values()} == {"A", "B"}


def test_another_key_for_a_crosswalk_changes_nothing(source: Path, tmp_path: Path) -> None:
    done(source, tmp_path / "one", crosswalk=tmp_path / "crosswalk")
    with pytest.raises(Misconfigured, match="another key"):
        done(source, tmp_path / "other", crosswalk=tmp_path / "crosswalk", key=OTHER_KEY)
    assert not content(tmp_path / "other")


@pytest.mark.parametrize(
    ("target", "more"),
    [
        ("source", {}),
        ("source/out", {}),
        (".", {}),
        ("out", {"record": "source"}),
        ("out", {"record": "source/record"}),
        ("out", {"record": "out/record"}),
        ("out", {"record": "out"}),
    ],
)
def test_folders_within_each_other_are_refused(
    source: Path, tmp_path: Path, target: str, more: dict[str, str]
) -> None:
    folders = {name: tmp_path / folder for name, folder in more.items()}
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(Misconfigured):
        done(source, tmp_path / target, **folders)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_target_of_somebody_elses(source: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").write_text("mine")
    with pytest.raises(Misconfigured, match="not empty"):
        done(source, tmp_path / "out")
    (tmp_path / "file").touch()
    with pytest.raises(Misconfigured, match="folder"):
        done(source, tmp_path / "file")
    with pytest.raises(Misconfigured, match="nothing"):
        done(tmp_path / "nowhere", tmp_path / "new")


def test_links_are_not_followed(source: Path, tmp_path: Path) -> None:
    outside = fill(tmp_path / "outside", patients=1, each=1)
    (source / "link").symlink_to(outside, target_is_directory=True)
    (source / "file").symlink_to(next(outside.rglob("*.dcm")))
    assert done(source, tmp_path / "out").files == 6


def test_one_file_and_an_empty_folder(source: Path, tmp_path: Path) -> None:
    assert done(next(source.rglob("*.dcm")), tmp_path / "one") == Outcome(1, 1, 0)
    (tmp_path / "empty").mkdir()
    assert done(tmp_path / "empty", tmp_path / "none") == Outcome(0, 0, 0)


def test_another_target_with_the_same_record(source: Path, tmp_path: Path) -> None:
    """What an earlier run wrote elsewhere is not taken for done here."""
    done(source, tmp_path / "one", record=tmp_path / "record")
    assert done(source, tmp_path / "other", record=tmp_path / "record") == Outcome(6, 6, 0)
    assert len(content(tmp_path / "other")) == 6
    assert len(content(tmp_path / "one")) == 6


def test_dates_of_a_patient_move_together(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "out"
    source.mkdir()
    for number, day in enumerate(("20200101", "20200131", "20210101")):
        dataset = instances.ct(
            study=f"1.2.{number}", instance=f"1.2.{number}.1", StudyDate=day, PatientID="MRN-1"
        )
        (source / f"{number}.dcm").write_bytes(instances.part10(dataset))
    done(source, target)
    days = sorted(dataset["StudyDate"].value for dataset in written(target).values())
    shift = Keyed(bytes(range(32)), BY.patient_ids, BY.dates).shift("MRN-1")
    moved = [date(2020, 1, 1), date(2020, 1, 31), date(2021, 1, 1)]
    assert days == [f"{day + timedelta(shift):%Y%m%d}" for day in moved]


def test_links_to_what_is_only_verified_hold(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "out"
    source.mkdir()
    image = _file(source / "a.dcm", removed())
    said = dcmread(image)
    report = instances.ct(instance="1.2.77", ReferencedImageSequence=[Dataset()], PatientID="LUNG-1")
    report.ReferencedImageSequence[0].ReferencedSOPInstanceUID = said.SOPInstanceUID
    _file(source / "b.dcm", instances.part10(report))
    done(source, target)
    found = written(target).values()
    there = {dataset.SOPInstanceUID for dataset in found}
    named = {item.ReferencedSOPInstanceUID for d in found for item in d.get("ReferencedImageSequence", ())}
    assert named
    assert named <= there
