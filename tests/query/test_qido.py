"""From query string to Query: what each parameter means, and that nothing unknown is passed over."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.dicom.resource import Resource
from app.errors import Fact, InvalidQuery
from app.query import qido
from app.query.answer import Found, Page, StudyCounts
from app.query.ast import (
    DateTimeRange,
    Fields,
    Fuzzy,
    Level,
    OneOf,
    PersonName,
    Query,
    Range,
    Universal,
    Wildcard,
)
from app.query.elements import pieces
from app.query.searchable import SEARCHABLE

#: Keys that only the tag index knows.
TAGGED = [f"002900{number:02X}[ACME]" for number in range(16, 40)]
LEAST, LAST = "000000.000000", "235960.999999"


def _parse(raw: str, level: Level = Level.STUDY, address: Resource = Resource()) -> Query:  # noqa: B008
    return qido.parse(level, address, qido.read(raw.encode()))


def _condition(raw: str, level: Level = Level.INSTANCE) -> object:
    (found,) = _parse(raw, level).conditions
    return found


@pytest.mark.parametrize("key", ["PatientID", "00100020", "%30%3010%30020"])
def test_keys_by_keyword_and_tag(key: str) -> None:
    found = _condition(f"{key}=4")
    assert isinstance(found, OneOf)
    assert found.attribute.keyword == "PatientID"


@pytest.mark.parametrize(
    "key",
    [
        "RequestAttributesSequence.ScheduledProcedureStepID",
        "00400275.00400009",
        "RequestAttributesSequence.00400009",
        "00400275.ScheduledProcedureStepID",
    ],
)
def test_dotted_keys(key: str) -> None:
    found = _condition(f"{key}=4", Level.SERIES)
    assert isinstance(found, OneOf)
    assert found.attribute.key == "00400275.00400009"


def test_hex_digits_in_any_case() -> None:
    assert _condition("0020000d=1.2") == _condition("0020000D=1.2") == _condition("StudyInstanceUID=1.2")


@pytest.mark.parametrize(
    "raw",
    [
        "patientid=4",
        "Nonsense=4",
        "00091001=4",
        "Limit=4",
        "PatientName.PatientID=4",
        "0010002=4",
        "=4",
        "RequestAttributesSequence=4",
        "TimezoneOffsetFromUTC=%2B0100",
        "TimezoneOffsetFromUTC=",
        "PatientID=4&PatientID=5",
        "PatientID=4&00100020=4",
        "limit=1&limit=1",
        "PixelData=",
    ],
)
def test_keys_that_are_refused(raw: str) -> None:
    with pytest.raises(InvalidQuery):
        _parse(raw)


def test_a_refusal_names_the_key() -> None:
    for raw, name in (
        ("Nonsense=4", "Nonsense"),
        ("PixelData=1", "PixelData"),
        ("RetrieveURL=x", "RetrieveURL"),
        ("KVP=x", "KVP"),
    ):
        with pytest.raises(InvalidQuery, match=name):
            _parse(raw)


@pytest.mark.parametrize(
    "raw", ["limit=-1", "limit=abc", "limit=", "limit=1.5", "offset=-1", "offset=%D9%A3"]
)
def test_paging_that_is_refused(raw: str) -> None:
    with pytest.raises(InvalidQuery):
        _parse(raw)


def test_paging() -> None:
    assert (_parse("").limit, _parse("").offset) == (1000, 0)
    assert (_parse("limit=101&offset=007").limit, _parse("limit=101&offset=007").offset) == (101, 7)
    assert _parse("limit=10001").limit == 10_000
    huge = _parse(f"limit={'9' * 5000}&offset={'9' * 5000}")
    assert (huge.limit, huge.offset) == (10_000, 2**62)


@pytest.mark.parametrize("raw", ["PatientID=%", "PatientID=%4", "PatientID=%FF", "%C3=4", "PatientID=%zz"])
def test_what_is_no_percent_encoded_utf_8_is_refused(raw: str) -> None:
    with pytest.raises(InvalidQuery):
        _parse(raw)


def test_values_are_decoded_once() -> None:
    assert _condition("PatientID=a+b%2Bc%252A%C3%A4") == OneOf(_attribute("PatientID"), ("a b+c%2Aä",))
    assert _condition("PatientID=%20+4+%20") == OneOf(_attribute("PatientID"), ("4",))


@pytest.mark.parametrize("value", ["", "*", "**", "%2A", "+", "+*"])
def test_universal_matching(value: str) -> None:
    for key in (
        "PatientID",
        "PatientName",
        "StudyDate",
        "StudyTime",
        "StudyInstanceUID",
        "ModalitiesInStudy",
    ):
        assert _condition(f"{key}={value}") == Universal(_attribute(key))
    assert _condition(f"SeriesNumber={value}") == Universal(_attribute("SeriesNumber"))


def test_an_attribute_without_a_column_is_returned_for_an_empty_key() -> None:
    (found,) = _parse("PatientAge=").conditions
    assert isinstance(found, Universal)


def test_wildcards_on_text_only() -> None:
    assert _condition("PatientID=a*b?") == Wildcard(_attribute("PatientID"), ("a*b?",))
    for key in ("StudyInstanceUID=1.*", "StudyDate=2020*", "StudyTime=10*", "SeriesNumber=1*", "Rows=5?"):
        with pytest.raises(InvalidQuery):
            _condition(key)


@pytest.mark.parametrize("value", ["1.2,3.4", "1.2%2C3.4", "1.2%5C3.4", "1.2\\3.4", "1.2,,+3.4,1.2"])
def test_lists_of_uids(value: str) -> None:
    assert _condition(f"StudyInstanceUID={value}") == OneOf(_attribute("StudyInstanceUID"), ("1.2", "3.4"))


@pytest.mark.parametrize("value", ["abc", "1.2-3", ",", "1" * 65, "1.2,x"])
def test_what_is_no_uid_is_refused(value: str) -> None:
    with pytest.raises(InvalidQuery):
        _condition(f"StudyInstanceUID={value}")


def test_lists_of_modalities() -> None:
    modalities = _attribute("ModalitiesInStudy")
    assert _condition("ModalitiesInStudy=CT,MR") == OneOf(modalities, ("CT", "MR"))
    assert _condition("ModalitiesInStudy=CT%5CMR") == OneOf(modalities, ("CT", "MR"))
    assert _condition("ModalitiesInStudy=CT,M*") == Wildcard(modalities, ("CT", "M*"))
    assert _condition("ModalitiesInStudy=CT,*") == Universal(modalities)


def test_dates() -> None:
    date = _attribute("StudyDate")
    assert _condition("StudyDate=20200101") == OneOf(date, ("20200101",))
    assert _condition("StudyDate=1997.04.24") == OneOf(date, ("19970424",))
    assert _condition("StudyDate=20200101-20201231") == Range(date, "20200101", "20201231")
    assert _condition("StudyDate=20200101-") == Range(date, "20200101", "")
    assert _condition("StudyDate=-20201231") == Range(date, "", "20201231")


def test_times_last_as_long_as_their_precision_leaves_open() -> None:
    time = _attribute("StudyTime")
    assert _condition("StudyTime=1015-1016") == Range(time, "101500.000000", "101660.999999")
    assert _condition("StudyTime=10") == Range(time, "100000.000000", "105960.999999", single=True)
    assert _condition("StudyTime=10:15:30.25") == Range(time, "101530.250000", "101530.259999", single=True)
    assert _condition("StudyTime=-10") == Range(time, "", "105960.999999")
    assert _condition("StudyTime=101530.1234567-") == Range(time, "101530.123456", "")


@pytest.mark.parametrize(
    "raw",
    [
        "StudyDate=-",
        "StudyDate=2020",
        "StudyDate=20200230",
        "StudyDate=20200101-x",
        "StudyDate=2020-01-01",
        "StudyDate=20200101,20200102",
        "StudyTime=-",
        "StudyTime=25",
        "StudyTime=1-2",
        "StudyTime=10-11-12",
    ],
)
def test_malformed_dates_and_times_are_refused(raw: str) -> None:
    with pytest.raises(InvalidQuery):
        _parse(raw)


def test_ranges_of_date_and_time_are_one() -> None:
    date, time = _attribute("StudyDate"), _attribute("StudyTime")
    low, high = ("20200101", "100000.000000"), ("20200103", "113060.999999")
    assert _condition("StudyTime=10-1130&StudyDate=20200101-20200103") == DateTimeRange(date, time, low, high)
    assert _condition("StudyTime=10-&StudyDate=20200101-") == DateTimeRange(date, time, low, ("", ""))
    for apart in (
        "StudyTime=-10&StudyDate=20200101-",
        "StudyTime=10-11&StudyDate=20200101",
        "StudyTime=10&StudyDate=20200101-",
    ):
        assert len(_parse(apart).conditions) == 2


def test_person_names() -> None:
    name = _attribute("PatientName")
    assert _condition("PatientName=DOE^John^") == PersonName(name, (("doe^john",),), any_group=True)
    assert _condition("PatientName=Doe^*") == PersonName(name, (("doe^*", "doe"),), any_group=True)
    assert _condition("PatientName=%3D山田*") == PersonName(name, ((), ("山田*",), ()))
    assert _condition("PatientName=^^") == Universal(name)
    fuzzy = _condition("PatientName=Mül+Jo&fuzzymatching=true")
    assert fuzzy == Fuzzy(PersonName(name, (("mül jo",),), any_group=True), ("mul", "jo"))
    assert isinstance(_condition("PatientName=Doe&fuzzymatching=false"), PersonName)


def test_numbers() -> None:
    number = _attribute("SeriesNumber")
    assert _condition("SeriesNumber=+7") == OneOf(number, (7,))
    assert _condition("SeriesNumber=%2B7") == OneOf(number, (7,))
    assert _condition("SeriesNumber=99999999999") == OneOf(number, ())
    for value in ("x", "1.5", "1,2", "9" * 5000):
        with pytest.raises(InvalidQuery):
            _condition(f"SeriesNumber={value}")


def test_flags() -> None:
    for name in ("fuzzymatching", "emptyvaluematching", "multiplevaluematching"):
        with pytest.raises(InvalidQuery):
            _parse(f"{name}=maybe")
    warned = qido.warnings(
        _parse("emptyvaluematching=true&multiplevaluematching=true"), Page(), "http://a/d/"
    )
    assert warned == [
        "299 http://a/d: The emptyvaluematching parameter is not supported. "
        "Empty Value Matching has not been performed.",
        "299 http://a/d: The multiplevaluematching parameter is not supported. "
        "Multiple Value Matching has not been performed.",
    ]


def test_includefield() -> None:
    asked = _parse(
        "includefield=PatientAge,00081060&includefield=all&includefield=&includefield=OtherPatientIDs"
    )
    assert asked.fields == Fields(("00101010", "00081060", "00101000"), True)
    assert asked.notes == ()


def test_fields_that_cannot_be_returned_are_named_in_a_warning() -> None:
    asked = _parse("includefield=NumberOfSeriesRelatedInstances%2CPixelData%2C00091001%2CNoSuchKeyword")
    assert asked.fields == Fields()
    assert asked.notes == (
        "These attributes of includefield cannot be returned here: "
        "NumberOfSeriesRelatedInstances, PixelData, 00091001, NoSuchKeyword",
    )
    assert _parse("includefield=Modality", Level.SERIES).notes == ()
    many = _parse("includefield=" + ",".join(f"Unknown{number}" for number in range(500)))
    assert len(many.notes[0]) < 300


@pytest.mark.parametrize("value", ["a b", "x\r\ny", "<>", "PatientID;1", "é"])
def test_garbled_fields_are_refused(value: str) -> None:
    with pytest.raises(InvalidQuery):
        qido.parse(Level.STUDY, Resource(), [("includefield", value)])


@pytest.mark.parametrize("uid", ["abc", "", "1.2/3", "1" * 65, "١"])
def test_a_malformed_uid_in_the_address_is_refused(uid: str) -> None:
    with pytest.raises(InvalidQuery):
        _parse("", Level.SERIES, Resource(uid))


def test_the_parameters_of_the_request_are_no_keys() -> None:
    assert _parse("accept=application/dicom%2Bjson&charset=utf-8").conditions == ()


def test_what_the_client_sends_most_is_understood() -> None:
    ohif = _parse(
        "PatientName=*Stack*&limit=101&offset=0&fuzzymatching=true"
        "&includefield=00081030%2C00080060%2C00080090%2C00100030"
    )
    assert (ohif.limit, ohif.offset) == (101, 0)
    assert isinstance(ohif.conditions[0], Fuzzy)


def test_remaining_results_are_announced() -> None:
    assert qido.warnings(_parse(""), Page([], 7), "http://a/dicom-web") == [
        "299 http://a/dicom-web: There are 7 additional results that can be requested"
    ]
    assert qido.warnings(_parse(""), Page(), "http://a/dicom-web") == []


def test_every_searchable_attribute_takes_every_kind_of_its_vr() -> None:
    values = {"DA": "20200101-", "TM": "10-", "UI": "1.2,3.4", "IS": "1", "US": "1"}
    for row in SEARCHABLE:
        for name in (row.attribute.keyword, row.attribute.key):
            assert len(_parse(f"{name}={values.get(row.attribute.vr, 'a*')}", row.level).conditions) == 1


def test_character_set_and_timezone_are_returned_where_present() -> None:
    elements = pieces({"00080005": {"vr": "CS", "Value": ["ISO_IR 192"]}})
    found = Found(Resource("1"), elements, StudyCounts((), 1, 1))
    (study,) = qido.render(_parse(""), Page([found]), "http://a")
    assert study["00080005"]["Value"] == ["ISO_IR 192"]
    assert "00080201" not in study
    assert list(study) == sorted(study)
    # An array, though an empty one: the study list of OHIF asks for its length.
    assert study["00080061"] == {"vr": "CS", "Value": []}


@given(raw=st.binary(max_size=200), level=st.sampled_from(Level))
def test_bytes_of_any_kind_are_understood_or_refused(raw: bytes, level: Level) -> None:
    _only_facts(raw, level)


@given(
    key=st.sampled_from(
        [row.attribute.keyword for row in SEARCHABLE] + ["limit", "includefield", "PatientAge"]
    ),
    value=st.text(st.sampled_from("0159.-:*?^=,\\%+ aé山\0\r\n"), max_size=40),
)
def test_values_of_any_kind_are_understood_or_refused(key: str, value: str) -> None:
    _only_facts(f"{key}={value}".encode(), Level.INSTANCE)


def _only_facts(raw: bytes, level: Level) -> None:
    try:
        asked = qido.parse(level, Resource(), qido.read(raw))
    except Fact:
        return
    assert all("\r" not in note and "\n" not in note for note in asked.notes)
    qido.render(asked, Page([Found(Resource("1", "2", "3"), {})]), "http://a")


def _attribute(keyword: str) -> object:
    return next(row.attribute for row in SEARCHABLE if row.attribute.keyword == keyword)


def test_a_name_has_five_components() -> None:
    found = _condition("PatientName=a" + "^*" * 200)
    assert isinstance(found, PersonName)
    assert len(found.groups[0]) == 5
    whole = _condition("PatientName=a^*^*^*^*")
    assert isinstance(whole, PersonName)
    assert whole.groups[0][-1] == "a"


@pytest.mark.parametrize(
    "raw",
    [
        "ModalitiesInStudy=" + ",".join(f"A{number}*" for number in range(900)),
        "PatientName=" + "a%20" * 120 + "&fuzzymatching=true",
        "KVP=" + ",".join(str(number) for number in range(101)),
        "&".join(f"{key}=x" for key in TAGGED[:17]),
    ],
)
def test_what_would_take_too_long_to_plan_is_refused(raw: str) -> None:
    with pytest.raises(InvalidQuery, match="at most"):
        _parse(raw)


def test_up_to_its_bounds_a_search_is_taken() -> None:
    assert len(_parse("&".join(f"{key}=x" for key in TAGGED[:16])).conditions) == 16
    found = _condition("ModalitiesInStudy=" + ",".join(f"A{number}*" for number in range(100)))
    assert isinstance(found, Wildcard)
    assert len(found.patterns) == 100
