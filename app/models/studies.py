"""Study, series and instance rows: revisions within one collection (design section 4).

Columns are what is *matched*, in one normal form per VR (`app.dicom.values`), named after the DICOM keyword;
`attributes` is what is *returned*, as DICOM JSON. A missing text is the empty string, as in DICOM, so that no
comparison meets NULL and both databases sort alike.

A row is live when `added_version` is set and `removed_version` is not, and a draft when neither is. In a
rolling collection rows are added under the number of the version yet to be cut. What two access units hold of
one study has a row in each: what is said in one of them is for nobody who sees only the other.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import Index, UniqueConstraint, false, text
from sqlmodel import Field, SQLModel

from app.models.types import Bytes, ByteText, Key, UtcDateTime, now

LIVE = "added_version IS NOT NULL AND removed_version IS NULL"
DRAFT = "added_version IS NULL AND removed_version IS NULL"
#: What decides whether somebody sees a row: an index that ends with it is walked without the rows.
SEEN = ("id", "access_unit_id", "added_version", "removed_version", "first", "collection_id")


def _text(**options: Any) -> Any:
    return Field(default="", sa_type=ByteText, **options)


def _key(**options: Any) -> Any:
    return Field(sa_type=Key, **options)


def _live(name: str, *columns: str, **options: Any) -> Index:
    """An index of live rows: for statements that say literally that they want no others."""
    return Index(name, *columns, sqlite_where=text(LIVE), postgresql_where=text(LIVE), **options)


def _first(name: str, column: str) -> Index:
    """At most one row of a UID is the first: of two that are made at once, one finds the other."""
    return Index(name, column, unique=True, sqlite_where=text("first"), postgresql_where=text("first"))


def _draft(name: str, *columns: str, **options: Any) -> Index:
    """The same of drafts."""
    return Index(name, *columns, sqlite_where=text(DRAFT), postgresql_where=text(DRAFT), **options)


class Revision(SQLModel):
    """What study and series rows share: their place in a collection's history."""

    id: int | None = _key(default=None, primary_key=True)
    collection_id: int = _key(foreign_key="collection.id")
    access_unit_id: int = _key()
    submission_id: int | None = _key(default=None)
    added_version: int | None = None
    removed_version: int | None = None
    replaces: int | None = _key(default=None)
    created_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
    attributes: bytes = Field(sa_type=Bytes)
    #: Whether no row was there under its UID when it was made, and so no earlier one answers for that. False
    #: says nothing.
    first: bool = Field(default=False, sa_column_kwargs={"server_default": false()})


class Study(Revision, table=True):
    """One revision of a study in one access unit of a collection."""

    study_instance_uid: str = _text()
    study_date: str = _text()
    study_time: str = _text()
    accession_number: str = _text()
    study_id: str = _text()
    study_description: str = _text()
    patient_id: str = _text()
    patient_birth_date: str = _text()
    patient_sex: str = _text()
    patient_name: str = _text()
    patient_name_ideographic: str = _text()
    patient_name_phonetic: str = _text()
    patient_name_words: str = _text()
    referring_physician_name: str = _text()
    referring_physician_name_ideographic: str = _text()
    referring_physician_name_phonetic: str = _text()
    referring_physician_name_words: str = _text()

    __table_args__ = (
        _live("study_live", "study_instance_uid", "collection_id", "access_unit_id", unique=True),
        _draft("study_draft", "submission_id", "study_instance_uid", unique=True),
        # With all that decides who sees a row: a page far down the list is counted off in it alone.
        Index(
            "study_newest",
            text("study_date DESC"),
            text("study_time DESC"),
            "study_instance_uid",
            *SEEN,
        ),
        _first("study_first", "study_instance_uid"),
        Index("study_description", "study_description"),
        # With the order of a list: studies that were found by their UIDs are put into it without their rows.
        Index("study_uid", "study_instance_uid", "study_date", "study_time", *SEEN),
        Index("study_patient_id", "patient_id"),
        Index("study_patient_name", "patient_name", "patient_name_ideographic", "patient_name_phonetic"),
        Index("study_patient_name_ideographic", "patient_name_ideographic"),
        Index("study_patient_name_phonetic", "patient_name_phonetic"),
        Index("study_accession_number", "accession_number"),
    )


class Series(Revision, table=True):
    """One revision of a series in one access unit of a collection: what is published and seen as a whole."""

    study_row: int = _key(foreign_key="study.id", index=True)
    access_unit_id: int = _key(foreign_key="access_unit.id")
    study_instance_uid: str = _text()
    series_instance_uid: str = _text()
    modality: str = _text()
    series_number: int | None = None
    series_description: str = _text()
    series_date: str = _text()
    series_time: str = _text()
    body_part_examined: str = _text()
    laterality: str = _text()
    protocol_name: str = _text()
    manufacturer: str = _text()
    manufacturer_model_name: str = _text()
    performed_procedure_step_start_date: str = _text()
    performed_procedure_step_start_time: str = _text()
    number_of_series_related_instances: int = 0
    #: Bytes of its instances.
    size: int = _key(default=0)
    #: Whether a version or a cart names this revision: what is stored next makes another one.
    frozen: bool = False

    __table_args__ = (
        _live("series_live", "series_instance_uid", "collection_id", "access_unit_id", unique=True),
        _first("series_first", "series_instance_uid"),
        # Hardly any: they are looked through where a value is in many series.
        Index(
            "series_later",
            "series_instance_uid",
            sqlite_where=text("first = 0"),
            postgresql_where=text("NOT first"),
        ),
        _draft("series_draft", "submission_id", "series_instance_uid", unique=True),
        Index("series_uid", "series_instance_uid"),
        # For those alone that ask so (`tables.in_history`): SQLite would take them for other searches too.
        Index("series_added", text("(collection_id + 0)"), "added_version"),
        Index("series_removed", text("(collection_id + 0)"), "removed_version"),
        # Of past revisions too: of two indexes SQLite would take the one that has no condition. A study's
        # series are counted in it alone.
        Index(
            "series_study",
            "study_instance_uid",
            "series_instance_uid",
            "modality",
            *SEEN,
            "number_of_series_related_instances",
        ),
        _live("series_modality", "modality", "study_instance_uid", *SEEN),
    )


class RequestAttributes(SQLModel, table=True):
    """One item of a series' RequestAttributesSequence (0040,0275)."""

    __tablename__ = "request_attributes"

    id: int | None = _key(default=None, primary_key=True)
    series_row: int = _key(foreign_key="series.id", index=True)
    scheduled_procedure_step_id: str = _text(index=True)
    requested_procedure_id: str = _text(index=True)


class SeriesMetadata(SQLModel, table=True):
    """The metadata of some instances of a frozen series in one piece; `key` says of which (`index.pieces`).

    It goes with its series, also where an earlier version of this program deletes that.
    """

    __tablename__ = "series_metadata"

    id: int | None = _key(default=None, primary_key=True)
    series_row: int = _key(foreign_key="series.id", ondelete="CASCADE", index=True)
    key: bytes = Field(unique=True, sa_type=Bytes)
    instances: int
    documents: bytes = Field(sa_type=Bytes)


class Instance(SQLModel, table=True):
    """One instance of a series revision: where its bytes lie and all that is known without opening them."""

    id: int | None = _key(default=None, primary_key=True)
    series_row: int = _key(foreign_key="series.id")
    sop_instance_uid: str = _text(index=True)
    sop_class_uid: str = _text()
    instance_number: int | None = None
    rows: int | None = None
    columns: int | None = None
    bits_allocated: int | None = None
    number_of_frames: int | None = None
    transfer_syntax_uid: str = _text()
    object_key: str = _text()
    size: int = _key()
    crc32: int = _key()
    sha256: bytes = Field(sa_type=Bytes)
    #: Of what was de-identified at the door, a keyed hash of the bytes that came.
    source: bytes | None = Field(default=None, sa_type=Bytes)
    created_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
    bulkdata: bytes | None = Field(default=None, sa_type=Bytes)
    frame_index: bytes | None = Field(default=None, sa_type=Bytes)
    dicom_json: bytes = Field(sa_type=Bytes)
    #: Of its bytes; filled in behind (`app.services.md5`).
    md5: bytes | None = Field(default=None, sa_type=Bytes)

    __table_args__ = (
        UniqueConstraint("series_row", "sop_instance_uid", name="instance_once"),
        Index(
            "instance_source",
            "source",
            sqlite_where=text("source IS NOT NULL"),
            postgresql_where=text("source IS NOT NULL"),
        ),
    )
