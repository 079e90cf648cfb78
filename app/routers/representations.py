"""Records as they are sent: JSON with an entity tag that follows from the bytes."""

from collections.abc import Mapping
from hashlib import sha256

from fastapi import Request, Response
from pydantic import BaseModel

from app.errors import NotModified
from app.routers.responses import CACHING
from app.wire import conditional

_NONE: Mapping[str, str] = {}


def tag(shown: BaseModel) -> str:
    """The entity tag of a representation: two callers who are shown the same hold the same tag."""
    return _tag(shown.model_dump_json().encode())


def send(request: Request, shown: BaseModel, status: int = 200, location: str = "") -> Response:
    """The representation. Raises NotModified where the client holds it already."""
    headers = {"Location": location} if location else {}
    return send_bytes(request, shown.model_dump_json().encode(), "application/json", status, headers)


def send_bytes(
    request: Request, body: bytes, media_type: str, status: int = 200, headers: Mapping[str, str] = _NONE
) -> Response:
    """The same of a body that is made already."""
    etag = _tag(body)
    if request.method in ("GET", "HEAD") and conditional.if_none_match(
        request.headers.get("if-none-match"), etag
    ):
        raise NotModified(etag)
    return Response(body, status, {**CACHING, "ETag": etag, **headers}, media_type=media_type)


def _tag(body: bytes) -> str:
    return conditional.etag(sha256(body).hexdigest()[:32])
