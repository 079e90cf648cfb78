"""The judge itself: a copy fails, what does all that the key asks passes, and each harm is found."""

import shutil
from collections.abc import Callable
from pathlib import Path
from warnings import catch_warnings

import pytest
from pydicom import Dataset, dcmread

from tests.deid.conftest import FEW, Judged
from tests.deid.corpus.made import make
from tests.deid.judge.cases import Case
from tests.deid.judge.maps import Maps, shown
from tests.deid.judge.programs import errors, installed
from tests.deid.judge.rules import passes
from tests.deid.judge.score import MEASURES, Score, score
from tests.deid.key import Action, Check, Key
from tests.required import lacking

#: All of one worker: the corpus is made once.
pytestmark = pytest.mark.xdist_group("judge")
KEEPING = {Action.TAG_RETAINED, Action.TEXT_NOTNULL, Action.TEXT_RETAINED, Action.PIXELS_RETAINED}


def test_the_same_seed_makes_the_same_corpus(corpus: tuple[Path, Key], tmp_path: Path) -> None:
    source, key = corpus
    again = make(tmp_path / "again", patients=FEW)
    assert again.checks == key.checks
    for name in key.files.values():
        assert (tmp_path / "again" / name).read_bytes() == (source / name).read_bytes()


def test_every_type_of_check_is_asked(corpus: tuple[Path, Key]) -> None:
    assert {check.action for check in corpus[1].checks} == set(Action)


def test_a_copy_keeps_everything_and_hides_nothing(corpus: tuple[Path, Key]) -> None:
    source, key = corpus
    found = score(source, source, key, Maps(), validated=False)
    for action, tally in found.actions.items():
        assert tally.total
        assert tally.passed == (tally.total if action in KEEPING else 0), action
    for measure in ("leak scan", "flags", "file meta", "intervals"):
        assert found.measures[measure].passed == 0, measure
    for measure in ("links", "standard UIDs", "readable", "pixels outside boxes", "outputs"):
        assert found.measures[measure].share == 100, measure


def test_what_does_all_that_is_asked_passes(perfect: Judged) -> None:
    assert perfect.score.failures == []
    assert all(tally.total for tally in perfect.score.actions.values())
    assert all(perfect.score.measures[name].total for name in MEASURES if name != "dciodvfy")


def test_the_maps_can_be_seen_in_the_outputs(perfect: Judged) -> None:
    outputs = sorted(perfect.output.iterdir())
    seen = shown(zip((perfect.source / name for name in perfect.key.files.values()), outputs, strict=True))
    assert seen.patients == perfect.maps.patients
    assert seen.uids.items() <= perfect.maps.uids.items()


def _later(dataset: Dataset) -> None:
    day = dataset["StudyDate"]
    day.value = f"{int(day.value) + 1}"


def _elsewhere(dataset: Dataset) -> None:
    dataset.SeriesInstanceUID = "2.25.999"


def _nonstandard(dataset: Dataset) -> None:
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = "2.25.998"


def _unclaimed(dataset: Dataset) -> None:
    del dataset.DeidentificationMethodCodeSequence[0]


def _overclaimed(dataset: Dataset) -> None:
    dataset.DeidentificationMethodCodeSequence[0].CodeValue = "113110"


def _unflagged(dataset: Dataset) -> None:
    del dataset.PatientIdentityRemoved


def _telling(dataset: Dataset) -> None:
    dataset.file_meta.SourceApplicationEntityTitle = "SOMEWHERE"


def _marked(dataset: Dataset) -> None:
    dataset.preamble = b"II*\0".ljust(128, b"x")


def _leaking(dataset: Dataset) -> None:
    dataset.private_block(0x0099, "ANY", create=True).add_new(1, "UT", "zq Rosamundine zq")


def _creator_of_nothing(dataset: Dataset) -> None:
    dataset.add_new(0x00990010, "LO", "ANY")


def _of_nobody(dataset: Dataset) -> None:
    dataset.add_new(0x00991001, "LO", "any")


@pytest.mark.parametrize(
    ("harm", "measure"),
    [
        (_later, "intervals"),
        (_elsewhere, "links"),
        (_nonstandard, "standard UIDs"),
        (_unclaimed, "flags"),
        (_overclaimed, "flags"),
        (_unflagged, "flags"),
        (_telling, "file meta"),
        (_marked, "file meta"),
        (_leaking, "leak scan"),
        (_creator_of_nothing, "private blocks"),
        (_of_nobody, "private blocks"),
    ],
)
def test_a_harm_is_found(
    perfect: Judged, tmp_path: Path, harm: Callable[[Dataset], None], measure: str
) -> None:
    found = _after(perfect, tmp_path, lambda path: _edited(path, harm))
    assert found.measures[measure].total - found.measures[measure].passed > 0
    others = {failure.measure for failure in found.failures} - {measure} - {action.value for action in Action}
    assert others == set()


@pytest.mark.parametrize(
    ("old", "new", "passed"),
    [
        ("94", "a 94-year-old", False),
        ("94", "is 94yo", False),
        ("94", "seen in 1994", True),
        ("12345", "id 9123456", False),
        ("Mount Abc", "Mount hospital", False),
        ("Mount Abc", "the hospital", True),
    ],
)
def test_what_is_left_of_a_text(old: str, new: str, passed: bool) -> None:
    after = Dataset()
    after.AdditionalPatientHistory = new
    case = Case("1.2", "p", Path("source"), after, Path("output"), after)
    check = Check("1.2", "p", Action.TEXT_REMOVED, "(0010,21B0)", old)
    assert passes(check, case, Maps({}, {})) is passed


def test_a_missing_output_is_found(perfect: Judged, tmp_path: Path) -> None:
    found = _after(perfect, tmp_path, Path.unlink)
    assert found.measures["outputs"].total - found.measures["outputs"].passed == 1
    assert {"tag_retained", "text_retained", "patid_consistent", "uid_consistent"} <= {
        failure.measure for failure in found.failures
    }


def test_an_output_that_ends_too_early_is_found(perfect: Judged, tmp_path: Path) -> None:
    found = _after(perfect, tmp_path, lambda path: path.write_bytes(path.read_bytes()[:-500]))
    assert found.measures["readable"].passed == found.measures["readable"].total - 1


def test_a_file_of_no_input_may_hold_nothing(perfect: Judged, tmp_path: Path) -> None:
    found = _after(perfect, tmp_path, lambda path: (path.parent / "notes").write_bytes(b"Rosamundine"))
    assert found.measures["leak scan"].passed == found.measures["leak scan"].total - 1


def test_pixels_that_changed_beside_a_text_are_found(perfect: Judged, tmp_path: Path) -> None:
    drawn = {check.instance for check in perfect.key.checks if check.drawn} - perfect.key.regions.keys()
    number = min(list(perfect.key.files).index(uid) for uid in drawn)

    def brighter(dataset: Dataset) -> None:
        dataset.PixelData = bytes(each ^ 1 for each in dataset.PixelData)

    found = _after(perfect, tmp_path, lambda path: _edited(path, brighter), number)
    assert found.measures["pixels outside boxes"].passed == found.measures["pixels outside boxes"].total - 1


def test_what_dciodvfy_finds_anew(perfect: Judged, tmp_path: Path) -> None:
    if installed("dciodvfy") is None:
        lacking("dciodvfy is not here: install the development requirements")
    first = perfect.source / next(iter(perfect.key.files.values()))
    broken = tmp_path / "broken.dcm"
    with catch_warnings(action="ignore"):
        dataset = dcmread(first)
        del dataset.ImageType
        dataset.save_as(broken)
    before, after = errors(first), errors(broken)
    assert before is not None
    assert after is not None
    assert any("ImageType" in error for error in after - before)


def test_dciodvfy_judges_what_is_deflated(perfect: Judged) -> None:
    if installed("dciodvfy") is None:
        lacking("dciodvfy is not here: install the development requirements")
    deflated = [
        path for path in perfect.source.rglob("*.dcm") if b"1.2.840.10008.1.2.1.99" in path.read_bytes()
    ]
    assert deflated
    for path in deflated:
        with catch_warnings(action="ignore"):
            assert not any("read failed" in error for error in errors(path) or ())


def _after(perfect: Judged, folder: Path, harm: Callable[[Path], object], number: int = 0) -> Score:
    """The score where one output is harmed."""
    output = folder / "output"
    shutil.copytree(perfect.output, output)
    harm(output / f"{number:05}.dcm")
    return score(perfect.source, output, perfect.key, perfect.maps, validated=False)


def _edited(path: Path, harm: Callable[[Dataset], None]) -> None:
    with catch_warnings(action="ignore"):
        dataset = dcmread(path)
        harm(dataset)
        dataset.save_as(path)
