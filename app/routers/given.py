"""What bodies and addresses give: text that every database keeps, moments, numbers of rows."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import Path
from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from app.errors import InvalidRequest


def _kept(text: str) -> str:
    """Raises ValueError for what no database keeps as text: NUL, and halves of characters."""
    if "\0" in text or any("\ud800" <= each <= "\udfff" for each in text):
        raise ValueError("text has no NUL and no surrogates")
    return text


def _bounded(moment: datetime) -> datetime:
    if not 1970 <= moment.year <= 9998:
        raise ValueError("a moment lies between the years 1970 and 9998")
    return moment.astimezone(UTC)


class Body(BaseModel):
    """What a client sends; a member that we do not know is an error."""

    model_config = ConfigDict(extra="forbid")


_Trimmed = StringConstraints(strip_whitespace=True)
Line = Annotated[str, _Trimmed, Field(min_length=1, max_length=500), AfterValidator(_kept)]
Text = Annotated[str, _Trimmed, Field(max_length=10_000), AfterValidator(_kept)]
Document = Annotated[str, _Trimmed, Field(min_length=1, max_length=200_000), AfterValidator(_kept)]
#: RFC 3339, with its offset from UTC.
Moment = Annotated[AwareDatetime, AfterValidator(_bounded)]
SLUG = r"^[a-z0-9][a-z0-9._-]{0,99}$"
Slug = Annotated[str, StringConstraints(pattern=SLUG)]

MOST = 2**53
Row = Annotated[int, Field(ge=1, le=MOST, strict=True)]
RowPath = Annotated[int, Path(ge=1, le=MOST)]
#: Versions are counted in 32 bits.
MOST_VERSIONS = 2**31 - 1
Version = Annotated[int, Field(ge=1, le=MOST_VERSIONS, strict=True)]
VersionPath = Annotated[int, Path(ge=1, le=MOST_VERSIONS)]
CollectionPath = Annotated[str, Path(description="The collection's short name", examples=["inbox"])]


def row_after(after: str) -> int:
    """The row in `after`, 0 where it is empty. Raises InvalidRequest."""
    if not after:
        return 0
    if len(after) > 18 or not (after.isascii() and after.isdigit()):
        raise InvalidRequest("The parameter after takes what `next` was on the page before.")
    return int(after)
