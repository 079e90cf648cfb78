"""Which searches run in the event loop."""

import pytest

from app.dicom.resource import Resource
from app.index.quick import is_quick
from app.query import qido
from app.query.ast import Level

ANYWHERE = Resource()
WORK_LIST = "limit=101&fuzzymatching=true&includefield=00081030,00080060,00080090,00100030"


def _quick(level: Level, raw: str, resource: Resource = ANYWHERE) -> bool:
    return is_quick(qido.parse(level, resource, qido.read(raw.encode())))


@pytest.mark.parametrize(
    "raw", ["PatientID=1", "AccessionNumber=1", "StudyInstanceUID=1.2,1.3", WORK_LIST, "PatientID="]
)
def test_what_an_index_leads_to_is_quick(raw: str) -> None:
    assert _quick(Level.STUDY, raw)


def test_the_work_list_of_a_modality_is_quick() -> None:
    assert _quick(Level.STUDY, f"{WORK_LIST}&ModalitiesInStudy=CT")


@pytest.mark.parametrize(
    "raw",
    ["PatientID=1*", "PatientName=a", "StudyDate=20200101-", "offset=5000", "includefield=ImageType"],
)
def test_what_may_look_at_many_rows_or_instances_is_a_scan(raw: str) -> None:
    assert not _quick(Level.STUDY, raw)


def test_children_are_quick_unless_their_descriptions_are_asked_for() -> None:
    series = Resource("1.2", "1.2.3")
    assert _quick(Level.SERIES, "", Resource("1.2"))
    assert _quick(Level.INSTANCE, "", series)
    assert not _quick(Level.INSTANCE, "includefield=all", series)
    assert not _quick(Level.INSTANCE, "")
    assert not _quick(Level.SERIES, "")
