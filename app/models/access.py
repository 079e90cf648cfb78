"""People, what they are granted, and how they prove who they are (design section 4)."""

from datetime import datetime

from sqlalchemy import Index, UniqueConstraint
from sqlmodel import Field, SQLModel

from app.models.types import Bytes, ByteText, Key, UtcDateTime, now, telling_nothing


def _id() -> int | None:
    return Field(default=None, primary_key=True, sa_type=Key)  # type: ignore[no-any-return]


def _shown_id() -> int | None:
    return Field(  # type: ignore[no-any-return]
        default=None, primary_key=True, sa_type=Key, sa_column_kwargs={"default": telling_nothing}
    )


def _moment() -> datetime:
    return Field(default_factory=now, sa_type=UtcDateTime)  # type: ignore[no-any-return]


def _until() -> datetime | None:
    return Field(default=None, sa_type=UtcDateTime)  # type: ignore[no-any-return]


class Person(SQLModel, table=True):
    """Somebody, or a pipeline: known by an OpenID provider's issuer and subject, or by an account here.

    Of an account here `issuer` is empty, `subject` the name to sign in with, and `password` an argon2id hash.
    """

    id: int | None = _id()
    issuer: str = Field(default="", sa_type=ByteText)
    subject: str = Field(sa_type=ByteText)
    name: str = Field(default="", sa_type=ByteText)
    email: str = Field(default="", sa_type=ByteText)
    password: str = Field(default="", sa_type=ByteText)
    admin: bool = False
    auditor: bool = False
    disabled: bool = False
    created_at: datetime = _moment()

    __table_args__ = (UniqueConstraint("issuer", "subject", name="person_once"),)


class Group(SQLModel, table=True):
    """People who are granted something together."""

    __tablename__ = "people"

    id: int | None = _id()
    slug: str = Field(unique=True, sa_type=ByteText)
    name: str = Field(sa_type=ByteText)
    created_at: datetime = _moment()


class GroupMember(SQLModel, table=True):
    """Somebody in a group, until a moment."""

    __tablename__ = "people_member"

    group_id: int = Field(foreign_key="people.id", primary_key=True, sa_type=Key)
    person_id: int = Field(foreign_key="person.id", primary_key=True, index=True, sa_type=Key)
    ends_at: datetime | None = _until()


class Grant(SQLModel, table=True):
    """A role in a collection, or at one of its sites, for somebody or a group, for a time.

    `to` is `person`, `group`, `registered` or `anyone`. What was granted is never forgotten: it is revoked.
    """

    __tablename__ = "access_grant"

    id: int | None = _shown_id()
    to: str = Field(sa_type=ByteText)
    person_id: int | None = Field(default=None, foreign_key="person.id", index=True, sa_type=Key)
    group_id: int | None = Field(default=None, foreign_key="people.id", index=True, sa_type=Key)
    role: str = Field(sa_type=ByteText)
    collection_id: int = Field(foreign_key="collection.id", index=True, sa_type=Key)
    site_id: int | None = Field(default=None, foreign_key="site.id", sa_type=Key)
    starts_at: datetime = _moment()
    ends_at: datetime | None = _until()
    revoked_at: datetime | None = _until()
    reason: str = Field(sa_type=ByteText)
    granted_by: str = Field(sa_type=ByteText)


class Agreement(SQLModel, table=True):
    """One version of what those who ask for access to a collection agree to."""

    id: int | None = _id()
    collection_id: int = Field(foreign_key="collection.id", sa_type=Key)
    version: int
    text: str = Field(sa_type=ByteText)
    sha256: bytes = Field(sa_type=Bytes)
    #: When access ends that was asked for under an older version, unless it is renewed under this one.
    accept_by: datetime | None = _until()
    created_at: datetime = _moment()

    __table_args__ = (UniqueConstraint("collection_id", "version", name="agreement_once"),)


class RequestForm(SQLModel, table=True):
    """What those who ask for access to a collection are asked: a JSON array (`app.access.forms`)."""

    __tablename__ = "request_form"

    collection_id: int = Field(foreign_key="collection.id", primary_key=True, sa_type=Key)
    questions: bytes = Field(sa_type=Bytes)
    #: Whether those who know of it may ask for what is private, too.
    when_private: bool = False


class AccessRequest(SQLModel, table=True):
    """Somebody's request for access to a collection, and what became of it.

    `answers` is a JSON object, `history` a JSON array of what was done with it, by whom and with what words.
    """

    __tablename__ = "access_request"

    id: int | None = _shown_id()
    collection_id: int = Field(foreign_key="collection.id", index=True, sa_type=Key)
    person_id: int = Field(foreign_key="person.id", index=True, sa_type=Key)
    agreement_id: int | None = Field(default=None, foreign_key="agreement.id", sa_type=Key)
    #: The name that was typed to accept the agreement.
    signed_as: str = Field(default="", sa_type=ByteText)
    grant_id: int | None = Field(default=None, foreign_key="access_grant.id", sa_type=Key)
    #: The request that this one renews.
    renews: int | None = Field(default=None, foreign_key="access_request.id", sa_type=Key)
    state: str = Field(default="draft", sa_type=ByteText)
    answers: bytes = Field(default=b"{}", sa_type=Bytes)
    history: bytes = Field(default=b"[]", sa_type=Bytes)
    #: Counts its changes.
    revision: int = 1
    created_at: datetime = _moment()
    changed_at: datetime = _moment()
    #: When it was submitted first: before that only who asks sees it.
    submitted_at: datetime | None = _until()


class Token(SQLModel, table=True):
    """A secret that stands for somebody, of which only the digest is kept.

    `kind` is `personal`, or `session`: that of a browser's cookie, perhaps of one that came by a link.
    `scopes` and `collections` are JSON arrays of capabilities and of collections' rows; empty ones do not
    narrow what its person may do. The owner's has no person, but in `owner` the digest of the owner's token.
    """

    id: int | None = _shown_id()
    person_id: int | None = Field(default=None, foreign_key="person.id", index=True, sa_type=Key)
    share_link_id: int | None = Field(default=None, foreign_key="share_link.id", index=True, sa_type=Key)
    owner: bytes | None = Field(default=None, sa_type=Bytes)
    kind: str = Field(default="personal", sa_type=ByteText)
    name: str = Field(sa_type=ByteText)
    #: Its first characters, by which its owner knows it again.
    beginning: str = Field(sa_type=ByteText)
    sha256: bytes = Field(unique=True, sa_type=Bytes)
    scopes: bytes = Field(default=b"[]", sa_type=Bytes)
    collections: bytes = Field(default=b"[]", sa_type=Bytes)
    created_at: datetime = _moment()
    expires_at: datetime = _moment()
    used_at: datetime | None = _until()
    revoked_at: datetime | None = _until()


class ShareLink(SQLModel, table=True):
    """A link to a study or to a scope, for whoever has it. `within` is a JSON object that says to what.

    Where the owner made it, `owner` has the digest of their token: it ends with that.
    """

    __tablename__ = "share_link"

    id: int | None = _shown_id()
    person_id: int | None = Field(default=None, foreign_key="person.id", index=True, sa_type=Key)
    collection_id: int | None = Field(default=None, foreign_key="collection.id", sa_type=Key)
    owner: bytes | None = Field(default=None, sa_type=Bytes)
    sha256: bytes = Field(unique=True, sa_type=Bytes)
    within: bytes = Field(sa_type=Bytes)
    capability: str = Field(sa_type=ByteText)
    note: str = Field(default="", sa_type=ByteText)
    uses: int = 0
    most_uses: int | None = None
    created_at: datetime = _moment()
    expires_at: datetime = _moment()
    revoked_at: datetime | None = _until()


class Rights(SQLModel, table=True):
    """One row that counts the changes of anything that decides who may see what."""

    id: int | None = _id()
    revision: int = 1


class AuditEntry(SQLModel, table=True):
    """Something that somebody did. Each holds the digest of the one before it in its process's chain."""

    __tablename__ = "audit_entry"

    id: int | None = _id()
    chain: str = Field(sa_type=ByteText)
    number: int = Field(sa_type=Key)
    at: datetime = _moment()
    who: str = Field(sa_type=ByteText)
    what: str = Field(sa_type=ByteText)
    collection_id: int | None = Field(default=None, sa_type=Key)
    details: bytes = Field(default=b"{}", sa_type=Bytes)
    digest: bytes = Field(sa_type=Bytes)

    __table_args__ = (
        UniqueConstraint("chain", "number", name="audit_once"),
        Index("audit_at", "at", "id"),
        Index("audit_who", "who", "at", "id"),
        Index("audit_collection", "collection_id", "at", "id"),
    )


class AuditAnchor(SQLModel, table=True):
    """Where a chain stood at a moment: who changes entries before it must change this as well.

    `entry` is the digest of the chain's entry of this number; anchors are a chain themselves, by `id`.
    """

    __tablename__ = "audit_anchor"

    id: int | None = _id()
    chain: str = Field(sa_type=ByteText)
    number: int = Field(sa_type=Key)
    at: datetime = _moment()
    entry: bytes = Field(sa_type=Bytes)
    digest: bytes = Field(sa_type=Bytes)

    __table_args__ = (UniqueConstraint("chain", "number", name="anchor_once"),)


class Usage(SQLModel, table=True):
    """What one caller did in a collection in a month (`2026-03`): sums over the audit's entries of views."""

    collection_id: int = Field(primary_key=True, sa_type=Key)
    month: str = Field(primary_key=True, sa_type=ByteText)
    who: str = Field(primary_key=True, sa_type=ByteText)
    act: str = Field(primary_key=True, sa_type=ByteText)
    requests: int = Field(default=0, sa_type=Key)
    instances: int = Field(default=0, sa_type=Key)
    bytes: int = Field(default=0, sa_type=Key)
