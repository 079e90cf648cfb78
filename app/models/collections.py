"""Collections, their sites, submissions, and the access units that carry visibility (design section 3)."""

from datetime import date, datetime

from sqlalchemy import UniqueConstraint
from sqlmodel import Field, SQLModel

from app.models.types import Bytes, ByteText, Key, UtcDateTime, now, telling_nothing

#: A submission that takes more.
OPEN = "open"


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
