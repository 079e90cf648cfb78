"""De-identification at the door: by which policy, what became of which identifier (sealed), what was done."""

from datetime import datetime

from sqlmodel import Field, SQLModel

from app.models.types import Bytes, ByteText, Key, UtcDateTime, now


class Deidentification(SQLModel, table=True):
    """The policy of a collection that de-identifies what it is sent: YAML, and its digest.

    `key_check` tells whether a key is the one that its data were de-identified with.
    """

    collection_id: int = Field(primary_key=True, foreign_key="collection.id", sa_type=Key)
    policy: str = Field(sa_type=ByteText)
    digest: str = Field(sa_type=ByteText)
    key_check: bytes = Field(sa_type=Bytes)
    changed_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)


class Sealed(SQLModel, table=True):
    """Something that only a collection's key opens, found by a keyed hash (`app.crosswalk`).

    `kind` is `patient` or `uid` (an identifier and what took its place), or `identifiers` (what is known of a
    patient, by the new identifier).
    """

    collection_id: int = Field(primary_key=True, foreign_key="collection.id", sa_type=Key)
    kind: str = Field(primary_key=True, sa_type=ByteText)
    lookup: bytes = Field(primary_key=True, sa_type=Bytes)
    sealed: bytes = Field(sa_type=Bytes)


class DeidentificationLog(SQLModel, table=True):
    """What was done to one instance: compressed JSON of path, action, rule, keyed hash. Rows only come."""

    __tablename__ = "deidentification_log"

    id: int | None = Field(default=None, primary_key=True, sa_type=Key)
    submission_id: int = Field(foreign_key="submission.id", index=True, sa_type=Key)
    sop_instance_uid: str = Field(sa_type=ByteText)
    policy: str = Field(sa_type=ByteText)
    changes: bytes = Field(sa_type=Bytes)
    at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
