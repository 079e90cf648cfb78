"""From DICOM JSON to columns, whatever the instance holds."""

import orjson
from hypothesis import given
from hypothesis import strategies as st

from app.index import columns
from app.index.tables import INSTANCE, REQUEST_ATTRIBUTES, SERIES, STUDY
from app.query.searchable import LONGEST, SEARCHABLE

JSON_VALUES = st.one_of(
    st.none(),
    st.text(max_size=20),
    st.integers(),
    st.floats(),
    st.dictionaries(
        st.sampled_from(("Alphabetic", "Ideographic", "Phonetic", "00080060")), st.text(max_size=9)
    ),
)
ELEMENTS = st.fixed_dictionaries(
    {"vr": st.sampled_from(("LO", "PN", "SQ", "UN", "DA"))},
    optional={"Value": st.lists(JSON_VALUES, max_size=3), "BulkDataURI": st.just("@/bulkdata/x")},
)
DATASETS = st.dictionaries(
    st.sampled_from([f"{tag:08X}" for row in SEARCHABLE for tag in row.attribute.path]), ELEMENTS, max_size=9
)


@given(attributes=DATASETS)
def test_any_data_set_gives_every_column(attributes: columns.Json) -> None:
    for table, made in (
        (STUDY, columns.study_columns(attributes)),
        (SERIES, columns.series_columns(attributes)),
        (INSTANCE, columns.instance_columns(attributes)),
        *((REQUEST_ATTRIBUTES, row) for row in columns.request_attributes(attributes)),
    ):
        assert set(made) <= set(table.c.keys())
        for name, value in made.items():
            assert (
                isinstance(value, str) or (value is None and table.c[name].nullable) or isinstance(value, int)
            )
            assert not isinstance(value, str) or (len(value) <= LONGEST and "\0" not in value)


def test_every_searchable_attribute_has_its_column() -> None:
    made = {**columns.study_columns({}), **columns.series_columns({}), **columns.instance_columns({})}
    nested = ("scheduled_procedure_step_id", "requested_procedure_id")
    for row in SEARCHABLE:
        name = columns.column(row.attribute)
        assert name in made or name in nested or name == "modalities_in_study"


def test_names_are_mechanical() -> None:
    for keyword, name in (
        ("StudyInstanceUID", "study_instance_uid"),
        ("SOPClassUID", "sop_class_uid"),
        ("PatientID", "patient_id"),
        ("BodyPartExamined", "body_part_examined"),
    ):
        assert columns.snake_case(keyword) == name


def test_match_forms() -> None:
    attributes = {
        "00100010": {"vr": "PN", "Value": [{"Alphabetic": "Yamada^Tarou^", "Ideographic": "山田^太郎"}]},
        "00080020": {"vr": "DA", "Value": ["1997.04.24"]},
        "00080030": {"vr": "TM", "Value": ["1015"]},
        "00100020": {"vr": "LO", "Value": [" a ", None, "b"]},
        "00200011": {"vr": "IS", "Value": ["7 "]},
        "00200013": {"vr": "IS", "Value": [2**40]},
    }
    study = columns.study_columns(attributes)
    assert study["patient_name"] == "yamada^tarou"
    assert study["patient_name_ideographic"] == "山田^太郎"
    assert study["patient_name_phonetic"] == ""
    assert study["patient_name_words"] == " yamada tarou 山田 太郎 "
    assert (study["study_date"], study["study_time"]) == ("19970424", "101500.000000")
    assert study["patient_id"] == "a\\b"
    assert columns.series_columns(attributes)["series_number"] == 7
    assert columns.instance_columns(attributes)["instance_number"] is None


def test_request_attributes_that_say_something_are_rows() -> None:
    items = [{"00400009": {"vr": "SH", "Value": ["S1 "]}}, {}, None, {"00401001": {"vr": "SH"}}]
    assert columns.request_attributes({"00400275": {"vr": "SQ", "Value": items}}) == [
        {"scheduled_procedure_step_id": "S1", "requested_procedure_id": ""}
    ]


def test_rows_keep_their_level_without_bulk_data() -> None:
    bulk = {"vr": "LT", "BulkDataURI": "@/bulkdata/x"}
    attributes = {
        "00100020": {"vr": "LO", "Value": ["4"]},
        "00080060": {"vr": "CS", "Value": ["CT"]},
        "00104000": bulk,
        "00101002": {"vr": "SQ", "Value": [{"00100020": {"vr": "LO"}, "00104000": bulk}, {}]},
        "7FE00010": {"vr": "OW", "BulkDataURI": "@/bulkdata/7FE00010"},
    }
    assert orjson.loads(columns.study_attributes(attributes)) == {
        "00100020": {"vr": "LO", "Value": ["4"]},
        "00101002": {"vr": "SQ", "Value": [{"00100020": {"vr": "LO"}}, {}]},
    }
    assert orjson.loads(columns.series_attributes(attributes)) == {"00080060": {"vr": "CS", "Value": ["CT"]}}
