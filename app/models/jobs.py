"""What is done in the background, and what of it others are told: jobs, identifiers, webhooks."""

from datetime import datetime

from sqlalchemy import Float, Index, UniqueConstraint
from sqlmodel import Field, SQLModel

from app.models.types import Bytes, ByteText, Key, UtcDateTime, now, telling_nothing


def _shown_id() -> int | None:
    return Field(  # type: ignore[no-any-return]
        default=None, primary_key=True, sa_type=Key, sa_column_kwargs={"default": telling_nothing}
    )


def _moment() -> datetime:
    return Field(default_factory=now, sa_type=UtcDateTime)  # type: ignore[no-any-return]


def _number() -> int:
    # Who runs the version before this one says nothing of it.
    return Field(default=0, sa_type=Key, sa_column_kwargs={"server_default": "0"})  # type: ignore[no-any-return]


def _until() -> datetime | None:
    return Field(default=None, sa_type=UtcDateTime)  # type: ignore[no-any-return]


class Job(SQLModel, table=True):
    """Something to be done once, by whichever process comes first (`app.jobs`). `arguments` are JSON.

    `state` is `waiting`, `running`, `done` or `failed`; `asked` counts how often it was asked for. `done` of
    `total` is how far it is, in whatever it counts; `traceparent` in which trace it was asked for (W3C).
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
    done: int = _number()
    total: int = _number()
    #: For whom it is done, who may see how it stands; the archive's own are nobody's.
    person_id: int | None = Field(default=None, sa_type=Key, index=True)
    traceparent: str = Field(default="", sa_type=ByteText, sa_column_kwargs={"server_default": ""})

    __table_args__ = (Index("job_due", "state", "run_at"),)


class JobTally(SQLModel, table=True):
    """How often jobs of a kind ended in an outcome, on all machines together, and how long that took."""

    __tablename__ = "job_tally"

    id: int | None = Field(default=None, primary_key=True, sa_type=Key)
    kind: str = Field(sa_type=ByteText)
    outcome: str = Field(sa_type=ByteText)
    attempts: int = Field(sa_type=Key)
    seconds: float = Field(sa_type=Float)

    __table_args__ = (UniqueConstraint("kind", "outcome", name="job_tally_once"),)


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
