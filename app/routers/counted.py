"""What the audit counts of a request once it is over: who, what kind, where, and how much."""

from collections.abc import Mapping, MutableMapping
from functools import cache, lru_cache
from typing import Any

from app.access.callers import STRANGER, Caller
from app.archive import Archive
from app.registry.views import DOWNLOAD, VIEW, Place, Views

#: How many instances an answer gives, or a body brought, and the collection that it brought them to.
INSTANCES, PLACE = "readingroom.instances", "readingroom.place"
#: The bytes of what its client was sent to fetch elsewhere.
ELSEWHERE = "readingroom.elsewhere"
_CALLER = "readingroom.caller"
REFUSED = (401, 403)
#: Answers that gave or took every instance they speak of.
WHOLE = (200, 202)
_STORE, _SEARCH, _METADATA, _OTHER = "store", "search", "metadata", "other"
#: The ends of templates, and what is done there.
_ACTS = {
    "studies": _SEARCH,
    "series": _SEARCH,
    "instances": _SEARCH,
    "attributes": _SEARCH,
    "{attribute}": _SEARCH,
    "metadata": _METADATA,
    "{frames}": VIEW,
    "{path}": VIEW,
    "pixeldata": VIEW,
    "rendered": VIEW,
    "thumbnail": VIEW,
    "{study}": DOWNLOAD,
    "{series}": DOWNLOAD,
    "{instance}": DOWNLOAD,
    "wado": VIEW,
    "archive.zip": DOWNLOAD,
    "metadata.csv": _METADATA,
}
#: Of these templates a part of the archive stands in others than those below a root.
_BESIDE = ("wado", "attributes", "{attribute}", "archive.zip", "metadata.csv")


def note(scope: MutableMapping[str, Any], archive: Archive, caller: Caller) -> None:
    """Say who asks, once that is known."""
    scope[_CALLER] = archive.views, caller


def count(
    scope: Mapping[str, Any], template: str, status: int, received: int, sent: int, *, whole: bool
) -> None:
    """Count a request that has ended; `whole` unless its answer was broken off."""
    noted = scope.get(_CALLER) or (_stranger(scope) if status in REFUSED else None)
    if noted is None:
        return
    views, caller = noted
    if ELSEWHERE in scope:
        status, sent = 200, scope[ELSEWHERE]
    act = _act(template, scope["method"])
    if act == VIEW and template.endswith("/wado") and b"application" in scope["query_string"]:
        act = DOWNLOAD
    instances = scope.get(INSTANCES, 0) if status in WHOLE and act in (DOWNLOAD, _STORE) else 0
    size = received if act == _STORE else sent
    views.count(caller, act, _status(status, whole), _place(scope, status), instances, size)


def _stranger(scope: Mapping[str, Any]) -> tuple[Views, Caller] | None:
    """Whoever was turned away before it was known who they are."""
    archive: Archive | None = getattr(getattr(scope.get("app"), "state", None), "archive", None)
    return (archive.views, STRANGER) if archive else None


@cache
def _status(status: int, whole: bool) -> str:
    if not whole:
        return "left"
    return str(status) if status in REFUSED else f"{status // 100}xx"


def _place(scope: Mapping[str, Any], status: int) -> Place:
    # Where there is nothing for the caller, there is no place either.
    if status >= 400 and status not in REFUSED:
        return None
    if PLACE in scope:
        return "collection", scope[PLACE]
    path = scope.get("path_params", {})
    for name in ("collection", "submission", "study"):
        if value := path.get(name):
            return name, value
    return None


@lru_cache(maxsize=1024)
def _act(template: str, method: str) -> str:
    end = template.rpartition("/")[2]
    if "/dicom-web/" not in template and end not in _BESIDE:
        return _OTHER
    if method in ("HEAD", "POST"):
        return _STORE if method == "POST" else _METADATA
    return _ACTS.get(end, _OTHER)
