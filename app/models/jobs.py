"""What is done in the background, and what of it others are told: jobs, identifiers, webhooks."""

from datetime import datetime

from sqlalchemy import Index
from sqlmodel import Field, SQLModel

from app.models.types import Bytes, ByteText, Key, UtcDateTime, now, telling_nothing


def _shown_id() -> int | None:
    return Field(  # type: ignore[no-any-return]
        default=None, primary_key=True, sa_type=Key, sa_column_kwargs={"default": telling_nothing}
    )


def _moment() -> datetime:
    return Field(default_factory=now, sa_type=UtcDateTime)  # type: ignore[no-any-return]


def _until() -> datetime | None:
    return Field(default=None, sa_type=UtcDateTime)  # type: ignore[no-any-return]


class Job(SQLModel, table=True):
    """Something to be done once, by whichever process comes first (`app.jobs`). `arguments` are JSON.

    `state` is `waiting`, `running`, `done` or `failed`; `asked` counts how often it was asked for.
    """

    id: int | None = _shown_id()
    key: str = Field(unique=True, sa_type=ByteText)
    kind: str = Field(sa_type=ByteText)
    arguments: bytes = Field(default=b"{}", sa_type=Bytes)
    state: str = Field(default="waiting", sa_type=ByteText)
    asked: int = 1
    attempts: int = 0
    run_at: datetime = _moment()
    #: Who runs it, and until when nobody else may.
    lease: str = Field(default="", sa_type=ByteText)
    lease_until: datetime | None = _until()
    error: str = Field(default="", sa_type=ByteText)
    created_at: datetime = _moment()
    ended_at: datetime | None = _until()

    __table_args__ = (Index("job_due", "state", "run_at"),)


class Doi(SQLModel, table=True):
    """The identifier of something citable: `of` says of what (`collection/5`, `version/5/2`, `cart/…`).

    `wanted` and `state` are `draft`, `registered` or `findable`; `state` is empty until the first of them was
    reached. `sent` is the digest of what was sent last.
    """

    id: int | None = _shown_id()
    of: str = Field(unique=True, sa_type=ByteText)
    collection_id: int | None = Field(default=None, foreign_key="collection.id", index=True, sa_type=Key)
    version: int | None = None
    identifier: str = Field(unique=True, sa_type=ByteText)
    wanted: str = Field(sa_type=ByteText)
    state: str = Field(default="", sa_type=ByteText)
    error: str = Field(default="", sa_type=ByteText)
    sent: bytes = Field(default=b"", sa_type=Bytes)
    created_at: datetime = _moment()
    changed_at: datetime = _moment()


class Webhook(SQLModel, table=True):
    """Where somebody is told of events. `events` is a JSON array; the owner's has the digest in `owner`."""

    id: int | None = _shown_id()
    person_id: int | None = Field(default=None, foreign_key="person.id", index=True, sa_type=Key)
    owner: bytes | None = Field(default=None, sa_type=Bytes)
    url: str = Field(sa_type=ByteText)
    #: What deliveries are signed with: it cannot be kept as a digest.
    secret: str = Field(sa_type=ByteText)
    events: bytes = Field(sa_type=Bytes)
    created_at: datetime = _moment()
