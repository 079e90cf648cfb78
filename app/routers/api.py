"""What the resources of the JSON API share: pages, problems, entity tags of records."""

from typing import Annotated, Any, Generic, TypeVar

from fastapi import Query, Request
from pydantic import BaseModel, Field

from app.errors import PreconditionFailed
from app.wire.conditional import if_none_match

T = TypeVar("T")
PREFIX = "/api/v1"

Limit = Annotated[int, Query(ge=1, le=1000, description="At most so many items")]
After = Annotated[str, Query(max_length=300, description="The `next` of the page before")]
_PROBLEM = "application/problem+json"
_WHAT = {
    400: ("Bad Request", "A parameter or the body is not understood"),
    401: ("Unauthorized", "Sign in, or send a token"),
    403: ("Forbidden", "You may not do this"),
    404: ("Not Found", "There is no such resource, or none that you may see"),
    409: ("Conflict", "There is one already, or its state does not allow this"),
    412: ("Precondition Failed", "It was changed since you read it"),
    429: ("Too Many Requests", "Too many requests in too short a time"),
}


class Page(BaseModel, Generic[T]):
    """Some items of a list, in its order; `next` is what `after` takes for the items that follow."""

    items: list[T]
    next: str | None = Field(default=None, examples=[None])


def page(items: list[T], limit: int, key: str) -> Page[T]:
    """The first `limit` of the items, of which one more was read to know whether others follow.

    `key` names the attribute by which the list is ordered, no two items with the same.
    """
    shown = items[:limit]
    return Page(items=shown, next=str(getattr(shown[-1], key)) if len(items) > limit else None)


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """What a route may answer beside its success, for the OpenAPI document."""
    return {
        status: {
            "description": what,
            "content": {
                _PROBLEM: {
                    "example": {"type": "about:blank", "title": title, "status": status, "detail": f"{what}."}
                }
            },
        }
        for status, (title, what) in _WHAT.items()
        if status in statuses
    }


def require_match(request: Request, etag: str) -> None:
    """Raises PreconditionFailed where If-Match names another state (RFC 9110 section 13.1.1)."""
    asked = request.headers.get("if-match")
    if asked is not None and not if_none_match(asked, etag):
        raise PreconditionFailed
