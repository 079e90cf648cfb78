"""Small archives for searches: made at random, or given; put into a database row by row."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from hypothesis import strategies as st
from sqlalchemy import Connection, delete, insert

from app.dicom.attributes import find
from app.dicom.description import Json
from app.index import columns
from app.index.stored_form import encode_json
from app.index.tables import ACCESS_UNIT, COLLECTION, INSTANCE, REQUEST_ATTRIBUTES, SERIES, STUDY
from tests.index.oracle import SeriesRow, Values

NAMES = (
    "Doe^John",
    "DOE^JANE^^Dr",
    "doe",
    "Müller^Jürgen=山田^太郎=やまだ^たろう",
    "Yamada^Tarou=山田^太郎=やまだ^たろう",
    "=山田",
    "O'Brien^Mary Ann",
    "100%^A_B",
    "[x]*y^\\z",
    "  Smith ^ Jo ",
    "^John",
    "",
)
TEXTS = ("ABC", "abc", "A*C", "A?C", "A%C", "A_C", "[A]", "A\\C", "A/C", " pad ", "Äb", "𝒳1", "", "AB")
DATES = ("19970424", "1997.04.24", "20200101", "20200102", "20201231", "notadate", "20201301", "")
TIMES = ("10", "1015", "101530", "101530.5", "10:15:30", "101530.123456", "235960", "0900", "xx", "")
MODALITIES = ("CT", "MR", "SEG", "ct", "")
IDS = ("S1", "S2", "S*", "")
UNITS = {1: (1, 2), 2: (3, 4)}


def archives() -> st.SearchStrategy[list[SeriesRow]]:
    """A few studies in two collections, which share some of them; some rows are drafts or removed."""
    placed = st.tuples(st.sampled_from((1, 2)), st.sampled_from(("1.1", "1.2", "1.10")))
    return st.lists(placed, max_size=5, unique=True).flatmap(_studies)


def _studies(places: list[tuple[int, str]]) -> st.SearchStrategy[list[SeriesRow]]:
    lists = st.tuples(*(_study(collection, uid) for collection, uid in places))
    return lists.map(lambda studies: [row for study in studies for row in study])


def _study(collection: int, uid: str) -> st.SearchStrategy[list[SeriesRow]]:
    study = st.fixed_dictionaries(
        {"StudyInstanceUID": st.just(uid)},
        optional={
            "StudyDate": st.sampled_from(DATES),
            "StudyTime": st.sampled_from(TIMES),
            "PatientName": st.sampled_from(NAMES),
            "ReferringPhysicianName": st.sampled_from(NAMES),
            "PatientID": st.sampled_from(TEXTS),
            "AccessionNumber": st.sampled_from(TEXTS),
            "StudyDescription": st.sampled_from(TEXTS),
            "PatientBirthDate": st.sampled_from(DATES),
        },
    )
    # Every live study has a live series: the first is live.
    numbers = st.lists(st.integers(1, 3), min_size=1, max_size=3, unique=True)
    return st.tuples(study, numbers).flatmap(
        lambda made: st.tuples(
            *(_series(collection, made[0], number, place == 0) for place, number in enumerate(made[1]))
        ).map(list)
    )


def _series(collection: int, study: Values, number: int, live: bool) -> st.SearchStrategy[SeriesRow]:
    uid = f"{study['StudyInstanceUID']}.{number}"
    series = st.fixed_dictionaries(
        {"SeriesInstanceUID": st.just(uid)},
        optional={
            "Modality": st.sampled_from(MODALITIES),
            "SeriesNumber": st.sampled_from((1, 2, 10, -1)),
            "SeriesDescription": st.sampled_from(TEXTS),
            "SeriesDate": st.sampled_from(DATES),
            "PerformedProcedureStepStartTime": st.sampled_from(TIMES),
        },
    )
    request = st.fixed_dictionaries(
        {},
        optional={
            "ScheduledProcedureStepID": st.sampled_from(IDS),
            "RequestedProcedureID": st.sampled_from(IDS),
        },
    )
    instances = st.lists(st.sampled_from((1, 2, 3, 20)), max_size=3, unique=True)
    return st.builds(
        SeriesRow,
        collection=st.just(collection),
        unit=st.sampled_from(UNITS[collection]),
        live=st.just(True) if live else st.booleans(),
        study=st.just(study),
        series=series,
        requests=st.lists(request, max_size=2).map(tuple),
        instances=instances.flatmap(lambda found: st.tuples(*(_instance(uid, each) for each in found))),
    )


def _instance(series: str, number: int) -> st.SearchStrategy[Values]:
    return st.fixed_dictionaries(
        {
            "SOPInstanceUID": st.just(f"{series}.{number}"),
            "SOPClassUID": st.sampled_from(("1.2.840.1", "1.2.840.2")),
        },
        optional={"InstanceNumber": st.sampled_from((1, 2, number)), "Rows": st.sampled_from((64, 512))},
    )


def json_of(values: Values) -> Json:
    """Plain values by keyword as DICOM JSON."""
    return dict(_element(keyword, value) for keyword, value in values.items() if value not in ("", None))


def _element(keyword: str, value: Any) -> tuple[str, Json]:
    attribute = find(keyword)
    assert attribute
    if attribute.vr == "PN":
        groups = zip(("Alphabetic", "Ideographic", "Phonetic"), value.split("="), strict=False)
        value = {name: group for name, group in groups if group}
    found = value if isinstance(value, list) else [value]
    return attribute.key, {"vr": attribute.vr, "Value": found}


def put(connection: Connection, archive: Sequence[SeriesRow]) -> None:
    """Make the database hold this archive and nothing else."""
    for table in (INSTANCE, REQUEST_ATTRIBUTES, SERIES, STUDY, ACCESS_UNIT, COLLECTION):
        connection.execute(delete(table))
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    collections = [{"id": key, "slug": f"c{key}", "title": "", "created_at": moment} for key in UNITS]
    connection.execute(
        insert(COLLECTION), [{**row, "rolling": True, "latest_version": 0} for row in collections]
    )
    units = [{"id": unit, "collection_id": key} for key, own in UNITS.items() for unit in own]
    connection.execute(insert(ACCESS_UNIT), units)
    add(connection, archive)


def add(connection: Connection, archive: Sequence[SeriesRow]) -> None:
    """Put this into the database besides, in study rows of its own."""
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    studies: dict[tuple[int, str], int] = {}  # by access unit
    for row in archive:
        key = (row.unit, row.study["StudyInstanceUID"])
        if key not in studies:
            # Where none of its series in a unit is live, its row there is not.
            live = any(each.live for each in archive if (each.unit, each.study["StudyInstanceUID"]) == key)
            studies[key] = _put_study(connection, replace(row, live=live), moment)
        _put_series(connection, row, studies[key], moment)


def _revision(row: SeriesRow, moment: datetime) -> dict[str, Any]:
    return {
        "collection_id": row.collection,
        "access_unit_id": row.unit,
        "added_version": 1,
        "removed_version": None,
        "created_at": moment,
    }


def _put_study(connection: Connection, row: SeriesRow, moment: datetime) -> int:
    json = json_of(row.study)
    own = {**columns.study_columns(json), "attributes": columns.study_attributes(json)}
    own |= {**_revision(row, moment), "removed_version": None if row.live else 1}
    made = connection.execute(insert(STUDY).returning(STUDY.c.id), own)
    return int(made.scalar_one())


def _put_series(connection: Connection, row: SeriesRow, study: int, moment: datetime) -> None:
    json = json_of({**row.study, **row.series})
    json |= (
        {"00400275": {"vr": "SQ", "Value": [json_of(item) for item in row.requests]}} if row.requests else {}
    )
    own = {
        **_revision(row, moment),
        **columns.series_columns(json),
        "removed_version": None if row.live else 1,
        "attributes": columns.series_attributes(json),
        "study_row": study,
        "number_of_series_related_instances": len(row.instances),
    }
    key = connection.execute(insert(SERIES).returning(SERIES.c.id), own).scalar_one()
    if items := columns.request_attributes(json):
        connection.execute(insert(REQUEST_ATTRIBUTES), [{**item, "series_row": key} for item in items])
    if row.instances:
        made = [_instance_row(json | json_of(each), key, moment) for each in row.instances]
        connection.execute(insert(INSTANCE), made)


def _instance_row(json: Json, series: int, moment: datetime) -> dict[str, Any]:
    return {
        **columns.instance_columns(json),
        "series_row": series,
        "transfer_syntax_uid": "1.2.840.10008.1.2.1",
        "object_key": "",
        "size": 0,
        "crc32": 0,
        "sha256": b"",
        "created_at": moment,
        "dicom_json": encode_json(json),
    }
