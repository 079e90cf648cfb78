"""The tag index: which values of which attributes occur in which series (design section 4)."""

from sqlalchemy import ForeignKey, Index, Integer, UniqueConstraint
from sqlalchemy import text as sql
from sqlmodel import Field, SQLModel

from app.models.types import ByteText, Key


class TagPath(SQLModel, table=True):
    """An attribute that occurs: its key (`app.dicom.attributes`), and the VR by which it matches."""

    __tablename__ = "tag_path"

    id: int | None = Field(default=None, primary_key=True, sa_type=Key)
    path: str = Field(sa_type=ByteText)
    vr: str = Field(sa_type=ByteText)

    __table_args__ = (UniqueConstraint("path", "vr", name="tag_path_once"),)


class TagValue(SQLModel, table=True):
    """One distinct value of an attribute in its match form (`app.query.kinds`), of which 256 characters.

    The digest is that of path, VR and whole text. Where `text` is empty it is no value but the mark for
    series that hold too many of them.
    """

    __tablename__ = "tag_value"

    id: int | None = Field(default=None, primary_key=True, sa_type=Key)
    path_id: int = Field(foreign_key="tag_path.id", sa_type=Key)
    digest: str = Field(unique=True, sa_type=ByteText)
    text: str = Field(sa_type=ByteText)
    number: float | None = None

    __table_args__ = (
        Index("tag_value_text", "path_id", "text"),
        Index(
            "tag_value_number",
            "path_id",
            "number",
            sqlite_where=sql("number IS NOT NULL"),
            postgresql_where=sql("number IS NOT NULL"),
        ),
    )


class SeriesTagValue(SQLModel, table=True):
    """Some instance of the series revision carries the value."""

    __tablename__ = "series_tag_value"

    # Of 32 bits, as there are so many: two thousand million values or series are far away.
    value_id: int = Field(foreign_key="tag_value.id", primary_key=True, sa_type=Integer)
    series_id: int = Field(
        sa_type=Integer,
        primary_key=True,
        sa_column_args=(ForeignKey("series.id", ondelete="CASCADE"),),
    )

    __table_args__ = (
        Index("series_tag_value_of_series", "series_id"),
        {"sqlite_with_rowid": False},
    )
