"""What a log may say of a request: which route, which resource under a keyed hash, and no value."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from typing import Any
from urllib.parse import unquote_plus

from app.dicom import attributes

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
#: Query parameters of DICOMweb that are no attributes (PS3.18 sections 8.3 and 9).
PARAMETERS = frozenset(
    {
        *("accept", "charset", "emptyvaluematching", "fuzzymatching", "includefield", "limit", "offset"),
        *("multiplevaluematching", "annotation", "iccprofile", "quality", "viewport", "window"),
        *(
            "contentType",
            "frameNumber",
            "objectUID",
            "requestType",
            "seriesUID",
            "studyUID",
            "transferSyntax",
        ),
    }
)
OTHER = "other"
NO_ROUTE = "none"
SHOWN = 32


@dataclass(frozen=True, slots=True)
class Trace:
    """One request: method, route template, path with each dynamic segment hashed, names of parameters."""

    method: str
    route: str
    path: str
    query: tuple[str, ...]


def trace(scope: Mapping[str, Any], key: bytes) -> Trace:
    """The trace of an ASGI request that was routed. Without `key` nobody can guess a UID from its hash."""
    method = scope["method"] if scope["method"] in METHODS else OTHER
    route = template(scope)
    if route is None:
        return Trace(method, NO_ROUTE, _hash(scope["path"], key), _names(scope["query_string"]))
    hashed = {name: _hash(str(value), key) for name, value in scope.get("path_params", {}).items()}
    return Trace(method, route, route.format_map(hashed), _names(scope["query_string"]))


def template(scope: Mapping[str, Any]) -> str | None:
    """The whole path template of a request's route; None where there is none."""
    # FastAPI keeps an included router's route without its prefix; the whole template is in its context.
    included = scope.get("fastapi", {}).get("effective_route_context")
    path: str | None = getattr(included or scope.get("route"), "path_format", None)
    return path


def _hash(value: str, key: bytes) -> str:
    return "~" + blake2b(value.encode(errors="surrogatepass"), key=key[:64], digest_size=8).hexdigest()


def _names(query: bytes) -> tuple[str, ...]:
    # A value sent without its name would stand where the name stands: only names that we know are told.
    pairs = query.split(b"&", SHOWN)[:SHOWN] if query else []
    return tuple(_name(pair.partition(b"=")[0][:256]) for pair in pairs)


@lru_cache(maxsize=1024)
def _name(raw: bytes) -> str:
    name = unquote_plus(raw.decode("latin-1"))
    if name in PARAMETERS:
        return name
    attribute = attributes.find(name)
    # A creator is free text.
    return name if attribute and not attribute.creators else OTHER
