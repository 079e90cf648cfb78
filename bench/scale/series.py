"""A row of the source becomes a series of described instances."""

from collections.abc import Iterator
from hashlib import sha256
from typing import NamedTuple

from app.dicom.description import Description, Json
from app.dicom.frames import FrameIndex
from app.dicom.resource import Resource
from app.index import columns, tag_values
from app.index.bulk import Described
from app.index.entry import Entry
from app.index.writer import Place
from bench.scale.attributes import made_up, patient_name

#: Rows, columns and bits.
_SQUARE: Json = {
    key: {"vr": "US", "Value": [number]}
    for key, number in (("00280010", 512), ("00280011", 512), ("00280100", 16))
}
#: Bytes of pixel data of each made-up instance, and where they begin.
_PIXELS, _AT = 1 << 19, 4096


class Row(NamedTuple):
    """What is asked of the source, in this order."""

    collection_id: str
    PatientID: str | None
    StudyInstanceUID: str
    SeriesInstanceUID: str
    PatientAge: str | None
    PatientSex: str | None
    StudyDate: str | None
    StudyDescription: str | None
    BodyPartExamined: str | None
    Modality: str | None
    SOPClassUID: str | None
    TransferSyntaxUID: str | None
    PhotometricInterpretation: str | None
    PixelRepresentation: str | None
    Manufacturer: str | None
    ManufacturerModelName: str | None
    SeriesDate: str | None
    SeriesDescription: str | None
    SeriesNumber: str | None
    instanceCount: int  # noqa: N815
    series_size_MB: float  # noqa: N815
    patient: int
    study: int
    series: int
    told: bool


SELECTED = ", ".join(Row._fields)
#: The source's own columns: key, VR and place.
_COLUMNS = tuple(
    (key, vr, Row._fields.index(name))
    for key, vr, name in (
        ("00080016", "UI", "SOPClassUID"),
        ("00080060", "CS", "Modality"),
        ("00080070", "LO", "Manufacturer"),
        ("00081030", "LO", "StudyDescription"),
        ("0008103E", "LO", "SeriesDescription"),
        ("00081090", "LO", "ManufacturerModelName"),
        ("00100020", "LO", "PatientID"),
        ("00100040", "CS", "PatientSex"),
        ("00101010", "AS", "PatientAge"),
        ("00180015", "CS", "BodyPartExamined"),
        ("0020000D", "UI", "StudyInstanceUID"),
        ("0020000E", "UI", "SeriesInstanceUID"),
        ("00280004", "CS", "PhotometricInterpretation"),
    )
)


def described(row: Row, place: Place, most: int) -> Described:
    """The series, with as many instances as are to have rows; its counts are the source's."""
    attributes = _attributes(row)
    size = round(row.series_size_MB * 1_000_000)
    if not row.told:
        return Described(place, _outlined(row, attributes), (), row.instanceCount, size)
    entries = list(_entries(row, attributes, min(row.instanceCount, most)))
    return Described(place, entries[0], entries, row.instanceCount, size)


def _attributes(row: Row) -> Json:
    seeds = {"patient": row.patient, "study": row.study, "series": row.series, "archive": 0}
    seeds["collection"] = sum(row.collection_id.encode())
    found = made_up(seeds)
    for key, vr, place in _COLUMNS:
        if value := row[place]:
            found[key] = {"vr": vr, "Value": [value]}
    for key, date in (("00080020", row.StudyDate), ("00080021", row.SeriesDate)):
        if date:
            found[key] = {"vr": "DA", "Value": [date.replace("-", "")]}
    for key, vr, number in (
        ("00200011", "IS", row.SeriesNumber),
        ("00280103", "US", row.PixelRepresentation),
    ):
        if number:
            found[key] = {"vr": vr, "Value": [number if vr == "IS" else int(number[0])]}
    found["00100010"] = {"vr": "PN", "Value": [{"Alphabetic": patient_name(row.patient)}]}
    return found | _SQUARE


def _number(vr: str, value: float) -> Json:
    return {"vr": vr, "Value": [value]}


def _outlined(row: Row, attributes: Json) -> Entry:
    """The first instance of a series of which none has a row."""
    uid, own = _instance(row, attributes, 1)
    above, values = columns.above_instances(own), tag_values.tags(own)
    return Entry(row.StudyInstanceUID, row.SeriesInstanceUID, uid, b"", {}, above, values)


def _entries(row: Row, attributes: Json, count: int) -> Iterator[Entry]:
    after: tuple[Entry, Json] | None = None
    for number in range(1, count + 1):
        uid, own = _instance(row, attributes, number)
        made = _entry(row, uid, own, after)
        after = after or (made, own)
        yield made


def _instance(row: Row, attributes: Json, number: int) -> tuple[str, Json]:
    uid = f"2.25.{row.series << 64 | number}"
    return uid, {
        **attributes,
        "00080018": {"vr": "UI", "Value": [uid]},
        "00200013": _number("IS", number),
        "00200032": {"vr": "DS", "Value": [-250.0, -250.0, number * 2.5]},
        "00201041": _number("DS", number * 2.5),
    }


def _entry(row: Row, uid: str, attributes: Json, after: tuple[Entry, Json] | None) -> Entry:
    address = Resource(row.StudyInstanceUID, row.SeriesInstanceUID, uid)
    syntax = (row.TransferSyntaxUID or "").partition(",")[0]
    bulkdata = {"7FE00010": (_AT, _PIXELS)}
    description = Description(
        address, row.SOPClassUID or "", syntax, attributes, bulkdata, FrameIndex.native(_AT, _PIXELS, 1)
    )
    digest = sha256(uid.encode()).digest()
    return Entry.of(description, f"{uid[5:31]:0>26}", _AT + _PIXELS, digest, 7, after=after)
