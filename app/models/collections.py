"""Collections with their versions and sites, submissions, carts, and access units (design section 3)."""

from datetime import date, datetime

from sqlalchemy import ForeignKey, UniqueConstraint
from sqlmodel import Field, SQLModel

from app.models.types import Bytes, ByteText, Key, UtcDateTime, now, telling_nothing

#: How far the second pass of de-identification is: asked for, done, or done but for what a person decides.
WAITING, PASSED, HELD = "waiting", "passed", "held"
#: A submission that takes more; one that a curator has looked at; one whose drafts are in a version.
OPEN, CLOSED, APPROVED, PUBLISHED = "open", "closed", "approved", "published"


def _id() -> int | None:
    return Field(default=None, primary_key=True, sa_type=Key)  # type: ignore[no-any-return]


def _shown_id() -> int | None:
    return Field(  # type: ignore[no-any-return]
        default=None, primary_key=True, sa_type=Key, sa_column_kwargs={"default": telling_nothing}
    )


class Collection(SQLModel, table=True):
    """A named part of the archive. A rolling one shows at once what it is sent; others publish versions.

    `kind` is `collection`, `analysis-result` (its series lie in the studies of others), or `external`: a
    record of something that is elsewhere. `licence` is an SPDX identifier. `record` is what its people say
    of it, a JSON object (`app.registry.record`); what can be computed is in no column.
    """

    id: int | None = _id()
    slug: str = Field(unique=True, sa_type=ByteText)
    kind: str = Field(default="collection", sa_type=ByteText)
    title: str = Field(sa_type=ByteText)
    licence: str = Field(default="", sa_type=ByteText)
    #: Where it has been registered.
    doi: str = Field(default="", sa_type=ByteText)
    rolling: bool = False
    latest_version: int = 0
    record: bytes = Field(default=b"{}", sa_type=Bytes)
    #: Counts the changes of this row: its entity tag.
    revision: int = 1
    created_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
    changed_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)


class CollectionTerm(SQLModel, table=True):
    """One value of a collection's record that lists are filtered by: coded where a vocabulary has it.

    `text` is folded for matching.
    """

    __tablename__ = "collection_term"

    id: int | None = _id()
    collection_id: int = Field(foreign_key="collection.id", index=True, sa_type=Key)
    field: str = Field(sa_type=ByteText)
    scheme: str = Field(default="", sa_type=ByteText)
    code: str = Field(default="", sa_type=ByteText)
    text: str = Field(sa_type=ByteText)


class AnalysisSource(SQLModel, table=True):
    """A collection in whose studies an analysis result's series lie."""

    __tablename__ = "analysis_source"

    analysis_result_id: int = Field(foreign_key="collection.id", primary_key=True, sa_type=Key)
    collection_id: int = Field(foreign_key="collection.id", primary_key=True, index=True, sa_type=Key)


class Site(SQLModel, table=True):
    """One of several that submit to a collection, each with its own rights and progress."""

    id: int | None = _shown_id()
    collection_id: int = Field(foreign_key="collection.id", sa_type=Key)
    slug: str = Field(sa_type=ByteText)
    name: str = Field(sa_type=ByteText)
    #: Studies that it has promised.
    expected_studies: int | None = None

    __table_args__ = (UniqueConstraint("collection_id", "slug", name="site_once"),)


class AccessUnit(SQLModel, table=True):
    """The one unit of visibility: every series revision carries exactly one.

    `tier` is `open`, `registered`, `request` or `private`; until `embargo_until` (00:00 UTC of that day) it
    is as `private`, save that what is not `hidden` can be found and described.
    """

    __tablename__ = "access_unit"

    id: int | None = _shown_id()
    collection_id: int = Field(foreign_key="collection.id", index=True, sa_type=Key)
    site_id: int | None = Field(default=None, sa_type=Key)
    tier: str = Field(default="private", sa_type=ByteText)
    embargo_until: date | None = None
    #: Whether even the metadata are only for those who hold a grant.
    hidden: bool = True


class Submission(SQLModel, table=True):
    """What one person sends to a collection, a draft until it is published."""

    id: int | None = _id()
    #: Its name in addresses, which nobody can guess.
    key: str = Field(unique=True, sa_type=ByteText)
    collection_id: int = Field(foreign_key="collection.id", index=True, sa_type=Key)
    access_unit_id: int = Field(foreign_key="access_unit.id", sa_type=Key)
    person_id: int | None = Field(default=None, foreign_key="person.id", index=True, sa_type=Key)
    state: str = Field(default=OPEN, sa_type=ByteText)
    opened_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
    #: What is to be withdrawn with its publication: a JSON array of addresses and reasons.
    withdrawals: bytes = Field(default=b"[]", sa_type=Bytes)
    published_version: int | None = None
    #: Where its collection de-identifies, how far its second pass is; what a person has to look at (JSON).
    deidentified: str = Field(default="", sa_type=ByteText)
    findings: bytes = Field(default=b"[]", sa_type=Bytes)


class CollectionVersion(SQLModel, table=True):
    """A collection as it was published for the so-manieth time: what it held then it holds for ever."""

    __tablename__ = "collection_version"

    id: int | None = _shown_id()
    collection_id: int = Field(foreign_key="collection.id", sa_type=Key)
    number: int
    #: What its people say of it.
    note: str = Field(default="", sa_type=ByteText)
    doi: str = Field(default="", sa_type=ByteText)
    published_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
    published_by: str = Field(sa_type=ByteText)

    __table_args__ = (UniqueConstraint("collection_id", "number", name="version_once"),)


class Tombstone(SQLModel, table=True):
    """What is not there any more: a series or an instance, by its UIDs; an empty one is all of the series.

    Withdrawn is what a version and those after it leave out. Purged is what was destroyed in all of them:
    `sha256` is that of the instance's bytes, and `object_key` names them for as long as they are not gone.
    That of what was never published has no UIDs: nobody is told of it.
    """

    id: int | None = _shown_id()
    collection_id: int = Field(foreign_key="collection.id", index=True, sa_type=Key)
    access_unit_id: int = Field(foreign_key="access_unit.id", sa_type=Key)
    #: The first version without it; None of what was in none.
    version: int | None = None
    study_instance_uid: str = Field(index=True, sa_type=ByteText)
    series_instance_uid: str = Field(default="", sa_type=ByteText)
    sop_instance_uid: str = Field(default="", sa_type=ByteText)
    purged: bool = False
    reason: str = Field(sa_type=ByteText)
    at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
    by: str = Field(sa_type=ByteText)
    sha256: bytes | None = Field(default=None, sa_type=Bytes)
    object_key: str = Field(default="", sa_type=ByteText)


class Cart(SQLModel, table=True):
    """A list of series revisions that somebody keeps under a name. It never changes; its name may.

    `audience` says who may open it beside its maker: `nobody`, `registered` or `anyone`. What they see of it
    is what they may see of the series.
    """

    id: int | None = _shown_id()
    #: Its name in addresses, which nobody can guess.
    key: str = Field(unique=True, sa_type=ByteText)
    person_id: int | None = Field(default=None, foreign_key="person.id", index=True, sa_type=Key)
    name: str = Field(sa_type=ByteText)
    description: str = Field(default="", sa_type=ByteText)
    audience: str = Field(default="nobody", sa_type=ByteText)
    doi: str = Field(default="", sa_type=ByteText)
    revision: int = 1
    created_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)


class CartSeries(SQLModel, table=True):
    """A series revision in a cart."""

    __tablename__ = "cart_series"

    cart_id: int = Field(
        primary_key=True, sa_type=Key, sa_column_args=(ForeignKey("cart.id", ondelete="CASCADE"),)
    )
    series_row: int = Field(
        primary_key=True,
        index=True,
        sa_type=Key,
        sa_column_args=(ForeignKey("series.id", ondelete="CASCADE"),),
    )
