"""How someone wants an instance drawn: the parameters of PS3.18 section 8.3.5 without their spelling."""

from dataclasses import dataclass, field

from app.dicom.colour_spaces import SPACES
from app.dicom.greys import Window

JPEG, PNG, GIF = "image/jpeg", "image/png", "image/gif"
#: No picture has more pixels in a row or column, whatever viewport was asked for.
LARGEST_SIDE = 8192
#: Colour profiles that can be given to a picture; `yes` is the instance's own.
PROFILES = ("no", "yes", *SPACES)


@dataclass(frozen=True, slots=True)
class Region:
    """A part of the frame, in pixels from its upper left; None reaches to the right or the lower edge.

    A flip turns the part over. `relative` sides are fractions of the frame's (WADO-URI, PS3.18 section 9).
    """

    left: float = 0
    top: float = 0
    width: float | None = None
    height: float | None = None
    flip_horizontal: bool = False
    flip_vertical: bool = False
    relative: bool = False


@dataclass(frozen=True, slots=True)
class Viewport:
    """The largest picture, in pixels, that is wanted; a side that is None follows from the other."""

    width: int | None
    height: int | None


@dataclass(frozen=True, slots=True)
class Rendering:
    """One way to draw a frame. Everything left out is as the instance itself says."""

    media_type: str = JPEG
    window: Window | None = None
    viewport: Viewport | None = None
    region: Region = field(default_factory=Region)
    quality: int = 90
    annotations: tuple[str, ...] = ()
    profile: str = "no"
