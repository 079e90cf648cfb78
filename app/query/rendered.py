"""The parameters of a rendered resource or a thumbnail (PS3.18 sections 8.3.5 and 10.4.1.1.5)."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from app.dicom.greys import FUNCTIONS, Function, Window
from app.dicom.rendering import LARGEST_SIDE, PROFILES, Region, Rendering, Viewport
from app.errors import InvalidRequest

_THUMBNAIL = Rendering(viewport=Viewport(256, 256), quality=80)
_WHOLE = re.compile(r"[0-9]{1,6}")
_DECIMAL = re.compile(r"[+-]?([0-9]{1,12}(\.[0-9]{0,12})?|\.[0-9]{1,12})(e[+-]?[0-9]{1,2})?", re.IGNORECASE)
_ANNOTATIONS = ("patient", "technique")
#: Parameters of the request rather than of the picture (PS3.18 section 8.3.3).
_OF_THE_REQUEST = frozenset({"accept", "charset"})
_OF_THE_PICTURE = frozenset({"viewport", "window", "quality", "annotation", "iccprofile"})
_OF_THE_THUMBNAIL = frozenset({"viewport"})


@dataclass(frozen=True, slots=True)
class Wanted:
    """How to draw, and what of the request is passed over, in sentences for a Warning header."""

    rendering: Rendering
    warnings: tuple[str, ...] = ()


def parse(pairs: Iterable[tuple[str, str]], *, thumbnail: bool = False) -> Wanted:
    """What the query asks for. Raises InvalidRequest for a parameter that is ill-formed or repeated."""
    asked, warnings = _known(pairs, _OF_THE_THUMBNAIL if thumbnail else _OF_THE_PICTURE)
    rendering = _THUMBNAIL if thumbnail else Rendering()
    if "viewport" in asked:
        viewport, region = _viewport(asked["viewport"], alone=thumbnail)
        rendering = replace(rendering, viewport=viewport, region=region)
    if "window" in asked:
        rendering = replace(rendering, window=_window(asked["window"]))
    if "quality" in asked:
        rendering = replace(rendering, quality=quality(asked["quality"], "quality"))
    if "annotation" in asked:
        names, more = annotations(asked["annotation"])
        rendering, warnings = replace(rendering, annotations=names), [*warnings, *more]
    if "iccprofile" in asked:
        rendering = replace(rendering, profile=_profile(asked["iccprofile"]))
    return Wanted(rendering, tuple(warnings))


def whole(text: str, name: str, low: int, high: int) -> int:
    """A whole number from `low` to `high`. Raises InvalidRequest."""
    if not _WHOLE.fullmatch(text) or not low <= int(text) <= high:
        raise InvalidRequest(f"{name} is a whole number from {low} to {high}.")
    return int(text)


def decimal(text: str, name: str) -> float:
    """A decimal number. Raises InvalidRequest."""
    if not _DECIMAL.fullmatch(text):
        raise InvalidRequest(f"{name} has something in it that is no decimal number.")
    return float(text)


def quality(text: str, name: str) -> int:
    """The quality of a lossy picture, from 1 to 100. Raises InvalidRequest."""
    return whole(text, name, 1, 100)


def possible(window: Window) -> Window:
    """The window itself. Raises InvalidRequest for one of a width that its function cannot have."""
    if not window.possible:
        raise InvalidRequest("The window's width is at least 1, or above 0 for linear-exact and sigmoid.")
    return window


def annotations(text: str) -> tuple[tuple[str, ...], list[str]]:
    """Which of the two annotations of the standard are wanted, and a warning where others are too."""
    names = {name.strip().lower() for name in text.split(",")}
    if "" in names:
        raise InvalidRequest("annotation is patient, technique or both, separated by a comma.")
    known = tuple(name for name in _ANNOTATIONS if name in names)
    unknown = names.difference(_ANNOTATIONS)
    return known, ["Annotations but patient and technique are not supported."] if unknown else []


def _known(pairs: Iterable[tuple[str, str]], names: frozenset[str]) -> tuple[dict[str, str], list[str]]:
    asked: dict[str, str] = {}
    warnings: list[str] = []
    for name, value in pairs:
        if name in asked:
            raise InvalidRequest(f"{name} is given more than once.")
        if name in names:
            asked[name] = value
        elif name not in _OF_THE_REQUEST:
            warnings = ["Parameters that this resource does not have were passed over."]
    return asked, warnings


def _window(text: str) -> Window:
    parts = [part.strip() for part in text.split(",")]
    if len(parts) != 3:
        raise InvalidRequest("window is center,width,function: 40,400,linear.")
    center, width = decimal(parts[0], "window"), decimal(parts[1], "window")
    return possible(Window(center, width, _function(parts[2])))


def _function(text: str) -> Function:
    wanted = text.upper().replace("-", "_")
    for function in FUNCTIONS:
        if function == wanted:
            return function
    raise InvalidRequest("A window's function is linear, linear-exact or sigmoid.")


def _viewport(text: str, *, alone: bool) -> tuple[Viewport, Region]:
    parts = [part.strip() for part in text.split(",")]
    if len(parts) < 2 or len(parts) > (2 if alone else 6):
        raise InvalidRequest(
            "A thumbnail's viewport is width,height." if alone
            else "viewport is width,height or width,height,left,top,width,height of the region."
        )  # fmt: skip
    width, height = (whole(part, "viewport", 1, LARGEST_SIDE) for part in parts[:2])
    left, top, across, down = (
        decimal(part, "viewport") if part else None for part in [*parts[2:], "", "", "", ""][:4]
    )
    region = Region(
        left or 0,
        top or 0,
        None if across is None else abs(across),
        None if down is None else abs(down),
        flip_horizontal=(across or 0) < 0,
        flip_vertical=(down or 0) < 0,
    )
    if region.left < 0 or region.top < 0 or 0 in (region.width, region.height):
        raise InvalidRequest("A viewport's region begins inside of the frame and is not empty.")
    return Viewport(width, height), region


def _profile(text: str) -> str:
    wanted = text.strip().lower()
    if wanted not in PROFILES:
        raise InvalidRequest(f"iccprofile is one of {', '.join(PROFILES)}.")
    return wanted
