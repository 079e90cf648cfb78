"""The parameters of WADO-URI, in which one instance is named by a query (PS3.18 section 9)."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from app.dicom.greys import Window
from app.dicom.rendering import LARGEST_SIDE, Region, Rendering, Viewport
from app.dicom.resource import Resource
from app.errors import InvalidRequest
from app.query.rendered import annotations, decimal, possible, quality, whole

DICOM = "application/dicom"
_UID = re.compile(r"[0-9.]{1,64}")
_REQUIRED = ("requestType", "studyUID", "seriesUID", "objectUID")
_PICTURE = frozenset(
    {"annotation", "rows", "columns", "region", "windowCenter", "windowWidth", "imageQuality", "frameNumber"}
)
_PRESENTATION = frozenset({"presentationUID", "presentationSeriesUID"})
_KNOWN = _PICTURE | _PRESENTATION | {*_REQUIRED, "contentType", "charset", "anonymize", "transferSyntax"}
_LAST_FRAME = 999_999


@dataclass(frozen=True, slots=True)
class Requested:
    """One instance, and the form in which it is wanted.

    `content_type` is an Accept list, None where the caller leaves it open. `transfer_syntax` is that of
    application/dicom. `frame` is counted from 1.
    """

    resource: Resource
    content_type: str | None
    transfer_syntax: str | None
    frame: int | None
    rendering: Rendering
    warnings: tuple[str, ...]

    @property
    def wants_dicom(self) -> bool:
        """Whether the instance itself is asked for."""
        return self.content_type is not None and self.content_type.partition(";")[0].strip().lower() == DICOM


def parse(pairs: Iterable[tuple[str, str]]) -> Requested:
    """What the query asks for. Raises InvalidRequest for what is missing, ill-formed or cannot be done."""
    asked, warnings = _known(pairs)
    _require_possible(asked)
    names, more = annotations(asked["annotation"]) if "annotation" in asked else ((), [])
    rendering = Rendering(
        window=_window(asked),
        viewport=_viewport(asked),
        region=_region(asked["region"]) if "region" in asked else Region(),
        quality=quality(asked.get("imageQuality", "90"), "imageQuality"),
        annotations=names,
    )
    found = Requested(
        Resource(asked["studyUID"], asked["seriesUID"], asked["objectUID"]),
        asked.get("contentType"),
        asked.get("transferSyntax"),
        whole(asked["frameNumber"], "frameNumber", 1, _LAST_FRAME) if "frameNumber" in asked else None,
        rendering,
        (*warnings, *more),
    )
    if found.wants_dicom and _PICTURE & asked.keys():
        raise InvalidRequest("Parameters of a picture do not go with contentType=application/dicom.")
    return found


def _known(pairs: Iterable[tuple[str, str]]) -> tuple[dict[str, str], list[str]]:
    """The parameters of the standard; an empty one counts as not given."""
    asked: dict[str, str] = {}
    warnings: list[str] = []
    for name, value in pairs:
        if name not in _KNOWN:
            warnings = ["Parameters that WADO-URI does not have were passed over."]
        elif name in asked:
            raise InvalidRequest(f"{name} is given more than once.")
        elif value.strip():
            asked[name] = value.strip()
    return asked, warnings


def _require_possible(asked: Mapping[str, str]) -> None:
    if missing := [name for name in _REQUIRED if name not in asked]:
        raise InvalidRequest(f"WADO-URI needs {', '.join(missing)}.")
    if asked["requestType"] != "WADO":
        raise InvalidRequest("requestType is WADO.")
    if not all(_UID.fullmatch(asked[name]) for name in _REQUIRED[1:]):
        raise InvalidRequest("A UID consists of digits and dots, at most 64 of them.")
    if not _UID.fullmatch(asked.get("transferSyntax", "1")) and asked["transferSyntax"] != "*":
        raise InvalidRequest("transferSyntax is the UID of one.")
    if asked.get("anonymize", "no") != "no":
        raise InvalidRequest("This service does not de-identify: leave out anonymize.")
    if _PRESENTATION & asked.keys():
        raise InvalidRequest("Presentation states are not applied: leave out presentationUID.")


def _window(asked: Mapping[str, str]) -> Window | None:
    center, width = asked.get("windowCenter"), asked.get("windowWidth")
    if center is None and width is None:
        return None
    if center is None or width is None:
        raise InvalidRequest("windowCenter and windowWidth come together.")
    return possible(Window(decimal(center, "windowCenter"), decimal(width, "windowWidth")))


def _viewport(asked: Mapping[str, str]) -> Viewport | None:
    sides = [
        whole(asked[name], name, 1, LARGEST_SIDE) if name in asked else None for name in ("columns", "rows")
    ]
    return Viewport(*sides) if any(sides) else None


def _region(text: str) -> Region:
    """`xmin,ymin,xmax,ymax`, each a fraction of the frame's width or height."""
    edges = [decimal(part.strip(), "region") for part in text.split(",")]
    if len(edges) != 4 or not all(0 <= edge <= 1 for edge in edges):
        raise InvalidRequest("region is left,top,right,bottom, each from 0.0 to 1.0.")
    left, top, right, bottom = edges
    if left >= right or top >= bottom:
        raise InvalidRequest("region begins before it ends.")
    return Region(left, top, right - left, bottom - top, relative=True)
