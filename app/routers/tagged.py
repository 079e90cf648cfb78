"""Records with entity tags: a tag is the digest of what is told, so whatever is told anew has another."""

from collections.abc import Callable
from hashlib import sha256
from typing import TypeVar

from fastapi import Request, Response
from pydantic import BaseModel

from app.errors import NotModified
from app.routers.api import require_match
from app.routers.responses import CACHING
from app.wire.conditional import etag, if_none_match

T = TypeVar("T", bound=BaseModel)
K = TypeVar("K")


def tag(record: BaseModel) -> str:
    """The entity tag of a record as it is told."""
    return etag(sha256(record.model_dump_json().encode()).hexdigest()[:32])


def tagged(request: Request, response: Response, record: T) -> T:
    """The record, with its tag in the response's headers. Raises NotModified where the client holds it."""
    found = tag(record)
    if request.method in ("GET", "HEAD") and if_none_match(request.headers.get("if-none-match"), found):
        raise NotModified(found)
    response.headers.update({**CACHING, "ETag": found})
    return record


def matching(request: Request, told: Callable[[K], BaseModel]) -> Callable[[K], None]:
    """Compares If-Match with what is found once it is read to be changed. Raises PreconditionFailed."""
    return lambda found: require_match(request, tag(told(found)))
