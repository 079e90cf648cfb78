"""QIDO-RS: rows 1 to 46 (PS3.18 section 10.6)."""

from itertools import pairwise
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest
from pydicom import Dataset, dcmread
from pydicom.data import get_charset_files
from pydicom.datadict import tag_for_keyword

from app.query.searchable import SEARCHABLE
from app.settings import Settings
from tests.instances import ct
from tests.rows.asking import (
    HOST,
    JOINED,
    JSON,
    ROOT,
    STUDIES,
    TOKEN,
    XML,
    get,
    opened,
    parts,
    search,
    stored,
    value,
    values,
)


def study(number: int, **attributes: object) -> Dataset:
    """An instance in a study of its own, of the patient with this number."""
    return ct(study=f"1.{number}", series=f"1.{number}.1", **{"PatientID": f"P{number}", **attributes})


def key(keyword: str) -> str:
    return f"{tag_for_keyword(keyword):08X}"


async def test_row_001_studies(client: httpx.AsyncClient) -> None:
    await stored(client, ct())
    answer = await get(client, STUDIES, JSON)
    assert (answer.status_code, answer.headers["content-type"]) == (200, JSON)
    assert isinstance(answer.json(), list)
    assert value(answer.json()[0], "0020000D") == "1.2.3"


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/studies/1.1/series", ["1.1.1"]),
        ("/studies/1.1/series/1.1.1/instances", ["1.1.1.1"]),
        ("/studies/1.2/series/1.1.1/instances", []),
        ("/studies/1.9/series", []),
    ],
)
async def test_row_002_children_of_the_named_parent(
    client: httpx.AsyncClient, path: str, expected: list[str]
) -> None:
    await stored(client, study(1, SOPInstanceUID="1.1.1.1"), study(2, SOPInstanceUID="1.2.1.1"))
    name = "00080018" if path.endswith("instances") else "0020000E"
    assert await values(client, path=path, key=name) == expected


async def test_row_003_instances_of_a_study(client: httpx.AsyncClient) -> None:
    await stored(
        client,
        ct(instance="1.2.3.1"),
        ct(series="1.2.3.5", instance="1.2.3.2"),
        study(9, SOPInstanceUID="1.9.1.1"),
    )
    assert await values(client, path="/studies/1.2.3/instances", key="00080018") == ["1.2.3.1", "1.2.3.2"]


async def test_row_004_relational_searches(client: httpx.AsyncClient) -> None:
    await stored(client, study(1, Modality="CT"), study(2, Modality="MR"))
    (series,) = await search(client, "PatientID=P2&Modality=MR", "/series")
    assert (value(series, "0020000D"), value(series, "0020000E")) == ("1.2", "1.2.1")
    (instance,) = await search(client, "StudyInstanceUID=1.1&Modality=CT&InstanceNumber=1", "/instances")
    assert (value(instance, "0020000D"), value(instance, "0020000E")) == ("1.1", "1.1.1")
    assert not await search(client, "PatientID=P2&Modality=CT", "/instances")


@pytest.mark.parametrize("accept", [JSON, "application/json", "*/*", None, ""])
async def test_row_005_accept(client: httpx.AsyncClient, accept: str | None) -> None:
    await stored(client, ct())
    answer = await get(client, STUDIES, accept)
    assert (answer.status_code, answer.headers["content-type"]) == (200, JSON)


@pytest.mark.parametrize(
    "accept",
    [
        "text/html, application/dicom+json;q=0.1",
        "APPLICATION/DICOM+JSON",
        " application/dicom+json ; q=1.0 , image/png",
        'application/dicom+json; charset=utf-8; profile="a, b"',
        "application/dicom+json;q=1, application/json;q=0.5, */*;q=0.1",
    ],
)
async def test_row_006_lists_weights_capitals_spaces(client: httpx.AsyncClient, accept: str) -> None:
    await stored(client, ct())
    answer = await get(client, STUDIES, accept)
    assert (answer.status_code, answer.headers["content-type"]) == (200, JSON)


async def test_row_007_accept_joined_by_the_browser(client: httpx.AsyncClient) -> None:
    await stored(client, ct())
    for path in (STUDIES, f"{STUDIES}/1.2.3/series", f"{STUDIES}/1.2.3/metadata"):
        assert (await get(client, path, JOINED)).headers["content-type"] == JSON


async def test_row_008_xml(client: httpx.AsyncClient) -> None:
    await stored(client, study(1), study(2))
    found = parts(await get(client, STUDIES, XML))
    assert [part.content_type for part in found] == ["application/dicom+xml"] * 2
    assert (await get(client, STUDIES, "application/dicom+xml")).status_code == 406


@pytest.mark.parametrize("accept", ["image/png", "application/dicom", "application/dicom+json;q=0"])
async def test_row_009_nothing_acceptable(client: httpx.AsyncClient, accept: str) -> None:
    await stored(client, ct())
    answer = await get(client, STUDIES, accept)
    assert answer.status_code == 406
    assert answer.json()["offered"][0] == JSON


async def test_row_010_no_match(client: httpx.AsyncClient) -> None:
    answer = await get(client, f"{STUDIES}?PatientID=nobody", JSON)
    assert (answer.status_code, answer.content) == (204, b"")


async def test_row_011_keywords_and_tags(client: httpx.AsyncClient) -> None:
    await stored(client, study(1, StudyDescription="chest"), study(2, StudyDescription="head"))
    for name in ("StudyDescription", "00081030"):
        assert await values(client, f"{name}=head") == ["P2"]
    await stored(client, ct(Modality="MR", series="1.2.3.7"))
    for name in ("0020000d", "0020000D"):
        assert await values(client, f"{name}=1.2.3") == ["P1"]
    assert (await get(client, f"{STUDIES}?patientid=P1")).status_code == 400


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("PatientName=%2Aller", "Müller"),
        ("PatientName=*ller", "Müller"),
        ("PatientName=M%C3%BCller", "Müller"),
        ("PatientName=Doe%5EJ%3Fne", "Doe^Jane"),
        ("PatientName=Doe%5EAnn%20Lee", "Doe^Ann Lee"),
        ("PatientName=Doe%5EAnn+Lee", "Doe^Ann Lee"),
        ("StudyDescription=a%2Cb", "comma"),
        ("StudyDescription=100%2525", "percent"),
        ("StudyDescription=1%2B1", "plus"),
    ],
)
async def test_row_012_percent_decoding(client: httpx.AsyncClient, query: str, name: str) -> None:
    described = {"comma": "a,b", "percent": "100%25", "plus": "1+1"}
    await stored(
        client,
        study(1, PatientName="Müller", SpecificCharacterSet="ISO_IR 100"),
        study(2, PatientName="Doe^Jane"),
        study(3, PatientName="Doe^Ann Lee"),
        *(
            study(number, PatientName=each, StudyDescription=text)
            for number, (each, text) in enumerate(described.items(), 4)
        ),
    )
    (found,) = await search(client, query)
    assert value(found, "00100010") == {"Alphabetic": name}
    for bad in ("PatientName=%FF", "PatientName=%4"):
        assert (await get(client, f"{STUDIES}?{bad}")).status_code == 400


def _series_keys() -> Dataset:
    item = Dataset()
    item.ScheduledProcedureStepID, item.RequestedProcedureID = "SPS1", "RP1"
    return item


#: One instance with a value for each key, and the value to ask for; then another instance with none of them.
KEYS = {
    "StudyInstanceUID": "1.1",
    "StudyDate": "20240229",
    "StudyTime": "101530",
    "AccessionNumber": "A1",
    "ModalitiesInStudy": "CT",
    "ReferringPhysicianName": "roe^richard",
    "PatientName": "doe^jane",
    "PatientID": "P1",
    "StudyID": "S1",
    "PatientBirthDate": "19700101",
    "PatientSex": "F",
    "StudyDescription": "Thorax",
    "SeriesInstanceUID": "1.1.1",
    "Modality": "CT",
    "SeriesNumber": "2",
    "PerformedProcedureStepStartDate": "20240229",
    "PerformedProcedureStepStartTime": "111213",
    "RequestAttributesSequence.ScheduledProcedureStepID": "SPS1",
    "RequestAttributesSequence.RequestedProcedureID": "RP1",
    "SeriesDate": "20240301",
    "SeriesTime": "121314",
    "SeriesDescription": "axial",
    "BodyPartExamined": "CHEST",
    "Laterality": "L",
    "ProtocolName": "routine",
    "Manufacturer": "ACME",
    "ManufacturerModelName": "One",
    "SOPInstanceUID": "1.1.1.1",
    "SOPClassUID": "1.2.840.10008.5.1.4.1.1.2",
    "InstanceNumber": "1",
    "Rows": "6",
    "Columns": "8",
    "BitsAllocated": "16",
    "NumberOfFrames": "1",
}
COMPUTED = {"ModalitiesInStudy", "RequestAttributesSequence"}


async def _store_keyed(client: httpx.AsyncClient) -> None:
    plain = {name: text for name, text in KEYS.items() if name.partition(".")[0] not in COMPUTED}
    numbers = {"SeriesNumber", "InstanceNumber", "Rows", "Columns", "BitsAllocated", "NumberOfFrames"}
    described = {name: int(text) if name in numbers else text for name, text in plain.items()}
    named = {"PatientName": "Doe^Jane", "ReferringPhysicianName": "Roe^Richard"}
    one = ct(**{**described, **named, "RequestAttributesSequence": [_series_keys()]})
    other = Dataset()
    other.SOPClassUID, other.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.66", "1.2.1.1"
    other.StudyInstanceUID, other.SeriesInstanceUID = "1.2", "1.2.1"
    await stored(client, one, other)


async def _check_keys(client: httpx.AsyncClient, path: str, uid: str, names: set[str]) -> None:
    await _store_keyed(client)
    for name in sorted(names):
        found = await search(client, f"{name}={quote(KEYS[name])}", path)
        assert [value(each, uid) for each in found] == [KEYS[_UIDS[uid]]], name


_UIDS = {"0020000D": "StudyInstanceUID", "0020000E": "SeriesInstanceUID", "00080018": "SOPInstanceUID"}


def _names(level: str, *, required: bool | None = None) -> set[str]:
    return {
        row.attribute.keyword
        for row in SEARCHABLE
        if row.level.name == level and required in (None, row.required)
    }


async def test_row_013_study_keys(client: httpx.AsyncClient) -> None:
    required = """StudyDate StudyTime AccessionNumber ModalitiesInStudy ReferringPhysicianName PatientName
    PatientID StudyInstanceUID StudyID PatientBirthDate PatientSex StudyDescription"""
    assert _names("STUDY") >= set(required.split())
    await _check_keys(client, "/studies", "0020000D", set(required.split()))


async def test_row_014_series_keys(client: httpx.AsyncClient) -> None:
    required = """Modality SeriesInstanceUID SeriesNumber PerformedProcedureStepStartDate
    PerformedProcedureStepStartTime RequestAttributesSequence.ScheduledProcedureStepID
    RequestAttributesSequence.RequestedProcedureID SeriesDescription BodyPartExamined Manufacturer"""
    assert _names("SERIES") >= set(required.split())
    await _check_keys(client, "/series", "0020000E", set(required.split()))


async def test_row_015_instance_keys(client: httpx.AsyncClient) -> None:
    required = {"SOPClassUID", "SOPInstanceUID", "InstanceNumber"}
    assert _names("INSTANCE", required=True) == required
    await _check_keys(client, "/instances", "00080018", required)


async def test_row_016_keys_beyond_the_required(client: httpx.AsyncClient) -> None:
    names = {row.attribute.keyword for row in SEARCHABLE if not row.required}
    await _check_keys(client, "/instances", "00080018", names)
    for name in ("NoSuchAttribute", "nonsense", "0009100"):
        answer = await get(client, f"{STUDIES}?{name}=1")
        assert answer.status_code == 400
        assert name in answer.json()["detail"]


@pytest.mark.parametrize(
    "name",
    [
        "RequestAttributesSequence.ScheduledProcedureStepID",
        "00400275.00400009",
        "RequestAttributesSequence.00400009",
        "00400275.ScheduledProcedureStepID",
    ],
)
async def test_row_017_dotted_keys(client: httpx.AsyncClient, name: str) -> None:
    await _store_keyed(client)
    assert await values(client, f"{name}=SPS1", "/series", "0020000E") == ["1.1.1"]
    assert await values(client, f"{name}=SPS*", "/series", "0020000E") == ["1.1.1"]
    assert not await values(client, f"{name}=SPS2", "/series", "0020000E")
    for bad in ("00400275.NoSuchAttribute", "00400275.", ".00400009", "00400275..00400009"):
        assert (await get(client, f"{ROOT}/series?{bad}=1")).status_code == 400


async def test_row_018_exact_case_but_for_names(client: httpx.AsyncClient) -> None:
    await stored(client, study(1, AccessionNumber="Ab1", StudyDescription="Chest"))
    for query in ("AccessionNumber=ab1", "StudyDescription=CHEST", "PatientID=p1", "ModalitiesInStudy=ct"):
        assert not await search(client, query), query
    for query in ("AccessionNumber=Ab1", "PatientName=DOE%5EJANE", "PatientName=doe%5e*"):
        assert await values(client, query) == ["P1"], query


async def test_row_019_padding(client: httpx.AsyncClient) -> None:
    await stored(client, study(1, StudyDescription="  chest  ", AccessionNumber=" A7"))
    for query in ("StudyDescription=chest", "StudyDescription=+chest++", "AccessionNumber=A7+"):
        assert await values(client, query) == ["P1"], query


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("a*", ["P1", "P2", "P3", "P4"]),
        ("a%3Fc", ["P1", "P2", "P3", "P4"]),
        ("a%25c", ["P2"]),
        ("a_c", ["P3"]),
        ("a[c", ["P4"]),
        ("*%25*", ["P2"]),
        ("%3F%3F", ["P5"]),
        ("x%5C*", []),
    ],
)
async def test_row_020_wildcards(client: httpx.AsyncClient, pattern: str, expected: list[str]) -> None:
    texts = ("abc", "a%c", "a_c", "a[c", "xy")
    await stored(client, *(study(number, AccessionNumber=text) for number, text in enumerate(texts, 1)))
    assert await values(client, f"AccessionNumber={pattern}") == expected


@pytest.mark.parametrize("query", ["StudyInstanceUID=1.*", "StudyDate=2024*", "StudyTime=10*"])
async def test_row_020_no_wildcards_in_uids_dates_and_numbers(client: httpx.AsyncClient, query: str) -> None:
    await stored(client, ct())
    assert (await get(client, f"{STUDIES}?{query}")).status_code == 400
    assert (await get(client, f"{ROOT}/series?SeriesNumber=2*")).status_code == 400


@pytest.mark.parametrize("wanted", ["", "*", "%2A"])
async def test_row_021_universal_matching(client: httpx.AsyncClient, wanted: str) -> None:
    await stored(client, study(1, PatientComments="kept"), study(2))
    for name in ("PatientID", "StudyDescription", "ModalitiesInStudy", "00100030"):
        found = await search(client, f"{name}={wanted}")
        assert len(found) == 2
        assert all((name if name.isdigit() else key(name)) in each for each in found)


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("20200101-20201231", ["P1", "P2"]),
        ("20200101-20200101", ["P1"]),
        ("20201231-", ["P2", "P3"]),
        ("-20200101", ["P1"]),
        ("20201231", ["P2"]),
        ("2020.12.31", ["P2"]),
        ("20300101-", []),
    ],
)
async def test_row_022_date_ranges(client: httpx.AsyncClient, asked: str, expected: list[str]) -> None:
    days = ("20200101", "20201231", "20210615", "")
    await stored(client, *(study(number, StudyDate=day) for number, day in enumerate(days, 1)))
    assert await values(client, f"StudyDate={asked}") == expected


@pytest.mark.parametrize("asked", ["2020", "20201301", "a-b", "-", "20200101-20201231-", "today"])
async def test_row_022_malformed_dates(client: httpx.AsyncClient, asked: str) -> None:
    assert (await get(client, f"{STUDIES}?StudyDate={asked}")).status_code == 400


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("1015-1016", ["P1", "P2", "P3"]),
        ("101530-1016", ["P2", "P3"]),
        ("10-11", ["P1", "P2", "P3", "P4"]),
        ("-1015", ["P1", "P2"]),
        ("1017-", ["P4"]),
        ("1015", ["P1", "P2"]),
        ("101530", ["P2"]),
    ],
)
async def test_row_023_time_ranges(client: httpx.AsyncClient, asked: str, expected: list[str]) -> None:
    times = ("101500", "101530.25", "101659.999", "1130", "")
    await stored(client, *(study(number, StudyTime=time) for number, time in enumerate(times, 1)))
    assert await values(client, f"StudyTime={asked}") == expected


async def test_row_024_date_and_time_are_one_range(client: httpx.AsyncClient) -> None:
    moments = (("20200101", "0800"), ("20200101", "2300"), ("20200102", "0100"), ("20200102", "2300"))
    await stored(
        client,
        *(study(number, StudyDate=day, StudyTime=time) for number, (day, time) in enumerate(moments, 1)),
    )
    assert await values(client, "StudyDate=20200101-20200102&StudyTime=1000-1200") == ["P2", "P3"]
    assert await values(client, "StudyDate=20200101-&StudyTime=1000-") == ["P2", "P3", "P4"]


@pytest.mark.parametrize("separator", [",", "%2C"])
async def test_row_025_uid_lists_by_comma(client: httpx.AsyncClient, separator: str) -> None:
    await stored(client, *(study(number) for number in (1, 2, 3)))
    assert await values(client, f"StudyInstanceUID=1.1{separator}1.3{separator}1.9") == ["P1", "P3"]


@pytest.mark.parametrize("separator", ["%5C", "%5c", "\\"])
async def test_row_026_uid_lists_by_backslash(client: httpx.AsyncClient, separator: str) -> None:
    await stored(client, *(study(number) for number in (1, 2, 3)))
    assert await values(client, f"StudyInstanceUID=1.1{separator}1.3") == ["P1", "P3"]


async def test_row_027_modalities_in_study(client: httpx.AsyncClient) -> None:
    await stored(
        client, study(1, Modality="CT"), ct("1.1", "1.1.2", Modality="SEG", PatientID="P1"), study(2)
    )
    (found,) = await search(client, "ModalitiesInStudy=SEG")
    assert sorted(found["00080061"]["Value"]) == ["CT", "SEG"]
    assert await values(client, "ModalitiesInStudy=CT") == ["P1", "P2"]


@pytest.mark.parametrize("separator", [",", "%2C", "%5C"])
async def test_row_028_modalities_by_list(client: httpx.AsyncClient, separator: str) -> None:
    kinds = ("CT", "MR", "US")
    await stored(client, *(study(number, Modality=kind) for number, kind in enumerate(kinds, 1)))
    assert await values(client, f"ModalitiesInStudy=CT{separator}MR") == ["P1", "P2"]


@pytest.mark.parametrize(
    ("asked", "matches"),
    [
        ("Yamada%5ETarou", True),
        ("yamada*", True),
        ("山田*", True),
        ("*やまだ*", True),
        ("Yamada*=山田*", True),
        ("=山田^太郎", True),
        ("==やまだ*", True),
        ("山田*=Yamada*", False),
        ("*=*=suzuki*", False),
        ("Tarou*", False),
    ],
)
async def test_row_029_component_groups(client: httpx.AsyncClient, asked: str, matches: bool) -> None:
    name = "Yamada^Tarou=山田^太郎=やまだ^たろう"
    await stored(client, study(1, PatientName=name, SpecificCharacterSet="ISO_IR 192"))
    assert await values(client, f"PatientName={quote(asked, safe='%')}") == (["P1"] if matches else [])


async def test_row_030_fuzzy_matching(client: httpx.AsyncClient) -> None:
    await stored(client, study(1, PatientName="Doe^Jane"), study(2, PatientName="Roe^Jim"))
    assert await values(client, "PatientName=jan+doe&fuzzymatching=true") == ["P1"]
    assert await values(client, "PatientName=j&fuzzymatching=true") == ["P1", "P2"]
    assert await values(client, "PatientName=jan+doe&fuzzymatching=false") == []
    assert (await get(client, f"{STUDIES}?fuzzymatching=maybe")).status_code == 400


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("emptyvaluematching", "The emptyvaluematching parameter is not supported. Empty Value Matching"),
        ("multiplevaluematching", "The multiplevaluematching parameter is not supported. Multiple Value"),
    ],
)
async def test_row_031_matching_that_is_not_supported(
    client: httpx.AsyncClient, name: str, sentence: str
) -> None:
    await stored(client, ct())
    answer = await get(client, f"{STUDIES}?{name}=true")
    assert answer.headers["warning"].startswith(f"299 {HOST}{ROOT}: {sentence}")


@pytest.mark.parametrize(
    "query",
    [
        "includefield=00081030&includefield=PatientAge",
        "includefield=00081030,PatientAge",
        "includefield=StudyDescription%2C00101010",
        "includefield=00081030%2CPatientAge&includefield=00100020",
    ],
)
async def test_row_032_includefield(client: httpx.AsyncClient, query: str) -> None:
    await stored(client, ct(StudyDescription="chest", PatientAge="054Y"))
    (found,) = await search(client, query)
    assert (value(found, "00081030"), value(found, "00101010")) == ("chest", "054Y")


async def test_row_033_includefield_all(client: httpx.AsyncClient) -> None:
    await stored(client, ct(PatientComments="kept", StationName="here", KVP="120"))
    (found,) = await search(client, "includefield=all")
    assert value(found, "00104000") == "kept"
    (series,) = await search(client, "includefield=all", "/series")
    assert value(series, "00081010") == "here"
    (instance,) = await search(client, "includefield=all", "/instances")
    assert value(instance, "00180060") == 120
    assert "7FE00010" not in instance


async def test_row_034_private_includefield(client: httpx.AsyncClient) -> None:
    dataset = ct()
    dataset.private_block(0x0099, "READING ROOM", create=True).add_new(0x01, "LO", "private")
    await stored(client, dataset)
    answer = await get(client, f"{ROOT}/instances?includefield=00991001", JSON)
    assert value(answer.json()[0], "00991001") == "private"


async def test_row_035_keys_come_back(client: httpx.AsyncClient) -> None:
    await _store_keyed(client)
    for row in SEARCHABLE:
        name = row.attribute.keyword
        (found, *_) = await search(client, f"{name}={quote(KEYS[name])}", "/instances")
        outer = key(name.partition(".")[0])
        assert found[outer]["Value"], name


DEFAULTS = {
    "/studies": """00080020 00080030 00080050 00080056 00080061 00080090 00081030 00081190 00100010 00100020
    00100030 00100040 0020000D 00200010 00201206 00201208""",
    "/series": """00080060 0008103E 00081190 0020000E 00200011 00201209 00400244 00400245 00400275 0020000D
    00080021""",
    "/instances": """00080016 00080018 00080056 00081190 00200013 00280008 00280010 00280011 00280100 0020000D
    0020000E""",
}


async def test_row_036_study_attributes(client: httpx.AsyncClient) -> None:
    await _check_defaults(client, "/studies")
    (found,) = await search(client, "StudyInstanceUID=1.1")
    assert (value(found, "00201206"), value(found, "00201208")) == (1, 1)
    await stored(client, study(7, SpecificCharacterSet="ISO_IR 100", PatientName="Müller"))
    (other,) = await search(client, "StudyInstanceUID=1.7")
    assert value(other, "00080005") == "ISO_IR 192"


async def _check_defaults(client: httpx.AsyncClient, path: str) -> None:
    await _store_keyed(client)
    defaults = DEFAULTS[path].split()
    full, bare = sorted(await search(client, path=path), key=lambda found: value(found, "0020000D"))
    assert set(full) >= set(defaults)
    assert all(full[each].get("Value") for each in defaults)
    assert set(bare) >= set(defaults)
    assert all(set(element) <= {"vr", "Value"} and element["vr"] for element in bare.values())
    assert list(full) == sorted(full)


async def test_row_037_series_attributes(client: httpx.AsyncClient) -> None:
    await _check_defaults(client, "/series")


async def test_row_038_instance_attributes(client: httpx.AsyncClient) -> None:
    await _check_defaults(client, "/instances")


@pytest.mark.parametrize(
    ("chosen", "headers", "expected"),
    [
        ({"public_url": "https://archive.example.org/pacs"}, {}, "https://archive.example.org/pacs"),
        (
            {"trusted_proxies": "10.0.0.0/8"},
            {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "a.example.org"},
            "https://a.example.org",
        ),
        (
            {"trusted_proxies": "10.0.0.0/8"},
            {"Forwarded": "proto=https;host=b.example.org"},
            "https://b.example.org",
        ),
        ({}, {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "evil.example"}, "http://archive:8080"),
    ],
)
async def test_row_039_retrieve_url_behind_a_proxy(
    settings: Settings, chosen: dict[str, str], headers: dict[str, str], expected: str
) -> None:
    told = Settings(data=settings.data, database=settings.database, owner_token=TOKEN, **chosen)
    bearer = {"Authorization": f"Bearer {TOKEN}"}
    async with opened(told, "http://archive:8080", "10.1.2.3", **bearer, **headers) as client:
        await stored(client, ct())
        (found,) = await search(client)
        assert value(found, "00081190") == f"{expected}{ROOT}/studies/1.2.3"
        (metadata,) = (await get(client, f"{STUDIES}/1.2.3/metadata")).json()
        assert metadata["7FE00010"]["BulkDataURI"].startswith(f"{expected}{ROOT}/studies/1.2.3/series")


async def test_row_040_limit_and_offset(client: httpx.AsyncClient) -> None:
    await stored(client, *(study(number) for number in range(1, 6)))
    assert len(await search(client, "limit=2")) == 2
    assert len(await search(client, "limit=2&offset=4")) == 1
    assert await search(client, "limit=2&offset=5") == []
    assert await search(client, "limit=0") == []
    assert len(await search(client, "limit=999999")) == 5


@pytest.mark.parametrize(
    "query", ["limit=-1", "limit=abc", "offset=-1", "offset=1.5", "limit=", "limit=1&limit=2"]
)
async def test_row_041_garbled_limit_or_offset(client: httpx.AsyncClient, query: str) -> None:
    assert (await get(client, f"{STUDIES}?{query}")).status_code == 400


@pytest.mark.parametrize("path", ["/studies", "/series", "/instances"])
async def test_row_042_stable_order(client: httpx.AsyncClient, path: str) -> None:
    await stored(client, *(study(number) for number in range(1, 10)))
    whole = await search(client, path=path)
    assert whole == await search(client, path=path)
    paged = [
        each for offset in range(0, 9, 2) for each in await search(client, f"limit=2&offset={offset}", path)
    ]
    assert paged == whole
    days = [value(each, "00080020") for each in await search(client)]
    assert all(earlier >= later for earlier, later in pairwise(days))


async def test_row_043_warning_of_more(client: httpx.AsyncClient) -> None:
    await stored(client, *(study(number) for number in range(1, 6)))
    sentence = f"299 {HOST}{ROOT}: There are 3 additional results that can be requested"
    assert (await get(client, f"{STUDIES}?limit=2")).headers["warning"] == sentence
    assert "warning" not in (await get(client, f"{STUDIES}?limit=2&offset=3")).headers
    assert "warning" not in (await get(client, STUDIES)).headers


async def test_row_044_total_count(client: httpx.AsyncClient) -> None:
    await stored(client, *(study(number) for number in range(1, 6)))
    queries = ("limit=2", "limit=2&offset=4", "limit=0", "", "limit=9&PatientID=P*", "limit=5")
    for query in queries:
        assert (await get(client, f"{STUDIES}?{query}")).headers["x-total-count"] == "5", query
    assert (await get(client, f"{STUDIES}?PatientID=P3")).headers["x-total-count"] == "1"
    assert (await get(client, f"{STUDIES}?PatientID=none")).headers["x-total-count"] == "0"
    assert "x-total-count" not in (await get(client, f"{STUDIES}?offset=9")).headers


async def test_row_045_time_zone_of_a_query(client: httpx.AsyncClient) -> None:
    await stored(client, study(1, StudyTime="1000", TimezoneOffsetFromUTC="+0200"))
    assert await values(client, "StudyDate=20240229-&StudyTime=0800&TimezoneOffsetFromUTC=%2B0000") == ["P1"]


CHARACTER_SETS = sorted(Path(path) for path in get_charset_files("chr*.dcm"))


@pytest.mark.parametrize("path", CHARACTER_SETS, ids=lambda path: path.stem)
async def test_row_046_character_sets(client: httpx.AsyncClient, path: Path) -> None:
    await stored(client, _addressed(dcmread(path)))
    judged = dcmread(path)
    judged.decode()
    (found,) = await search(client)
    assert value(found, "00080005") == "ISO_IR 192"
    if "PatientName" in judged:
        groups = str(judged.PatientName).split("=")
        kept = value(found, "00100010")
        assert [kept.get(name, "") for name in GROUPS][: len(groups)] == groups
        for group in filter(None, groups):
            assert await search(client, f"PatientName={quote(group)}"), group


GROUPS = ("Alphabetic", "Ideographic", "Phonetic")


def _addressed(dataset: Dataset) -> Dataset:
    """The data set as it was encoded, with UIDs where the examples of character sets lack them."""
    missing = ct("1.8", "1.8.1", "1.8.1.1")
    for keyword in ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID"):
        if not dataset.get(keyword):
            setattr(dataset, keyword, missing[keyword].value)
    return dataset
