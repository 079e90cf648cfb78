"""Roll-ups: how many live rows are alike, for each access unit. Triggers keep them (`migrations`).

They are sums: of what is counted together there may be several rows, which are added up. What lies in several
access units of a collection is counted in each of them, and named in `shared_uid`.
"""

from sqlalchemy import Index, text
from sqlmodel import Field, SQLModel

from app.models.types import ByteText, Key

#: What `shared_uid` names.
STUDY, SERIES = "study", "series"


def _id() -> int | None:
    return Field(default=None, primary_key=True, sa_type=Key)  # type: ignore[no-any-return]


class SeriesRollup(SQLModel, table=True):
    """The live series of an access unit that say the same of these three, their instances and bytes."""

    __tablename__ = "series_rollup"

    id: int | None = _id()
    collection_id: int = Field(sa_type=Key)
    access_unit_id: int = Field(sa_type=Key)
    modality: str = Field(sa_type=ByteText)
    body_part_examined: str = Field(sa_type=ByteText)
    manufacturer: str = Field(sa_type=ByteText)
    series: int = Field(sa_type=Key)
    instances: int = Field(sa_type=Key)
    size: int = Field(sa_type=Key)

    __table_args__ = (
        # Values may be longer than an entry of PostgreSQL's indexes.
        Index(
            "series_rollup_alike",
            "collection_id",
            "access_unit_id",
            "modality",
            text("substr(body_part_examined, 1, 64)"),
            text("substr(manufacturer, 1, 64)"),
        ),
    )


class StudyRollup(SQLModel, table=True):
    """The live studies of an access unit that say the same PatientID."""

    __tablename__ = "study_rollup"

    id: int | None = _id()
    collection_id: int = Field(sa_type=Key)
    access_unit_id: int = Field(sa_type=Key)
    patient_id: str = Field(sa_type=ByteText)
    studies: int = Field(sa_type=Key)

    __table_args__ = (Index("study_rollup_alike", "collection_id", "access_unit_id", "patient_id"),)


class SharedUid(SQLModel, table=True):
    """A study or series of which a collection has live rows in several access units."""

    __tablename__ = "shared_uid"

    collection_id: int = Field(primary_key=True, sa_type=Key)
    level: str = Field(primary_key=True, sa_type=ByteText)
    uid: str = Field(primary_key=True, sa_type=ByteText)
