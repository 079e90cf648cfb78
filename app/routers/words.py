"""Values in the bodies and addresses of the JSON API that any database can keep."""

from typing import Annotated

from fastapi import Path
from pydantic import AwareDatetime, Field, StringConstraints

from app.errors import InvalidRequest

#: One line for people: no control characters, of which a database refuses some.
Words = Annotated[
    str, StringConstraints(strip_whitespace=True, max_length=300, pattern=r"^[^\x00-\x1f\x7f]*$")
]
Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]{0,99}$")]
#: A UID (PS3.5 section 9.1).
Uid = Annotated[str, StringConstraints(pattern=r"^[0-9]+(\.[0-9]+)*$", max_length=64)]
Until = Annotated[AwareDatetime, Field(examples=["2027-06-30T00:00:00Z"])]
Row = Annotated[int, Path(ge=1, le=2**53, description="Its number", examples=[7])]
#: Of a version, in a path.
Number = Annotated[int, Path(ge=1, le=2**31 - 1, description="The number of the version", examples=[1])]


def number(after: str) -> int:
    """Where a page of a list that is ordered by number begins. Raises InvalidRequest."""
    if not (after.isascii() and after.isdigit() and len(after) <= 16):
        raise InvalidRequest("`after` is the `next` of the page before.")
    return int(after)
