"""What keeps an archive whole: whose it is, who needs its objects to stay, which are proven or not named."""

from datetime import datetime

from sqlmodel import Field, SQLModel

from app.models.types import ByteText, Key, UtcDateTime, now


class Identity(SQLModel, table=True):
    """One row: the name by which backups know the archive again. It was made with the table."""

    __tablename__ = "archive_identity"

    id: int | None = Field(default=None, primary_key=True, sa_type=Key)
    name: str = Field(sa_type=ByteText)


class Lease(SQLModel, table=True):
    """Something that one process at a time does, until a moment unless it renews that.

    `holder` says what it does, `token` which process it is.
    """

    id: int | None = Field(default=None, primary_key=True, sa_type=Key)
    name: str = Field(unique=True, sa_type=ByteText)
    holder: str = Field(sa_type=ByteText)
    token: str = Field(sa_type=ByteText)
    until: datetime = Field(sa_type=UtcDateTime)


class Unreferenced(SQLModel, table=True):
    """An object that no row named when a sweep looked, and since when."""

    id: int | None = Field(default=None, primary_key=True, sa_type=Key)
    key: str = Field(unique=True, sa_type=ByteText)
    seen_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)


class ProvenSpan(SQLModel, table=True):
    """Instances from one row to another, all of whose objects were read at that moment and compared."""

    __tablename__ = "proven_span"

    id: int | None = Field(default=None, primary_key=True, sa_type=Key)
    first_row: int = Field(sa_type=Key)
    last_row: int = Field(sa_type=Key, unique=True)
    proven_at: datetime = Field(sa_type=UtcDateTime, index=True)
    instances: int
    bytes: int = Field(sa_type=Key)


class Damage(SQLModel, table=True):
    """An instance whose object is not what was stored, when it was read last; gone once it is again."""

    id: int | None = Field(default=None, primary_key=True, sa_type=Key)
    instance_row: int = Field(sa_type=Key, unique=True)
    kind: str = Field(sa_type=ByteText)
    found_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
