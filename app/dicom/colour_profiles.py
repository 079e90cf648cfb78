"""Pictures in the colour space that is asked for (PS3.18 section 8.3.5.1.5; PS3.3 section C.11.15)."""

from contextlib import suppress
from io import BytesIO

from PIL import Image, ImageCms

from app.dicom import colour_spaces
from app.dicom.frame_attributes import FrameAttributes
from app.errors import CannotDecode

_ICC_PROFILE, _COLOR_SPACE = "00282000", "00282002"
#: Where slides have it: in the optical path that the frame was taken by.
_OPTICAL_PATHS, _OPTICAL_PATH = "00480105", "00480106"


def profiled(
    picture: Image.Image, attributes: FrameAttributes, wanted: str
) -> tuple[Image.Image, bytes | None]:
    """The picture and the colour profile to embed; greys have none.

    `wanted` is one of `rendering.PROFILES`. Colours are the instance's own where it says which, else sRGB.
    """
    if wanted == "no" or picture.mode != "RGB":
        return picture, None
    own = _own(attributes)
    target = own if wanted == "yes" else colour_spaces.profile(wanted)
    return (picture if target == own else _converted(picture, own, target)), target


def _converted(picture: Image.Image, own: bytes, target: bytes) -> Image.Image:
    # A profile may have a sound head and damaged tables.
    for source in (own, colour_spaces.profile("srgb")):
        with suppress(ImageCms.PyCMSError):
            return ImageCms.profileToProfile(picture, BytesIO(source), BytesIO(target)) or picture
    raise CannotDecode("The colours cannot be converted: ask for iccprofile=no.")


def _own(attributes: FrameAttributes) -> bytes:
    """The instance's own profile where it is one of RGB, else that of its colour space: sRGB unless named."""
    for data in (attributes.data(_ICC_PROFILE), _of_optical_path(attributes)):
        if data and _is_rgb(data):
            return data
    named = attributes.text(_COLOR_SPACE).lower()
    return colour_spaces.profile(named if named in colour_spaces.SPACES else "srgb")


def _is_rgb(data: bytes) -> bool:
    """Whether a profile can be used: damaged ones are many."""
    try:
        profile = ImageCms.ImageCmsProfile(BytesIO(data)).profile
    except (OSError, ImageCms.PyCMSError):
        return False
    return bool(profile.xcolor_space.strip() == "RGB")


def _of_optical_path(attributes: FrameAttributes) -> bytes:
    """The profile of the frame's optical path, or of the first one."""
    items = attributes.values(_OPTICAL_PATHS)
    paths = [FrameAttributes((item,), attributes.bulk, attributes.big_endian) for item in items]
    named = attributes.text(_OPTICAL_PATH)
    mine = [path for path in paths if path.text(_OPTICAL_PATH) == named] or paths
    return mine[0].data(_ICC_PROFILE) if mine else b""
