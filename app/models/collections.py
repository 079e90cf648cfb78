"""Collections and the access units that carry visibility (design sections 3 and 4)."""

from datetime import datetime

from sqlmodel import Field, SQLModel

from app.models.types import ByteText, Key, UtcDateTime, now


class Collection(SQLModel, table=True):
    """A named part of the archive. A rolling one shows at once what it is sent; others publish versions."""

    id: int | None = Field(default=None, primary_key=True, sa_type=Key)
    slug: str = Field(unique=True, sa_type=ByteText)
    title: str = Field(sa_type=ByteText)
    rolling: bool = False
    latest_version: int = 0
    created_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)


class AccessUnit(SQLModel, table=True):
    """The one unit of visibility: every series revision carries exactly one."""

    __tablename__ = "access_unit"

    id: int | None = Field(default=None, primary_key=True, sa_type=Key)
    collection_id: int = Field(foreign_key="collection.id", index=True, sa_type=Key)
