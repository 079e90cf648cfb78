"""What a de-identified instance says of itself (PS3.15 section E.1.1, PS3.3 C.7.1.1, PS3.16 CID 7050)."""

from typing import Final, NamedTuple

from app.deid.encoding import Chunk, Encoding
from app.deid.policy import Policy
from app.deid.standard import EDITION, Option

_BURNED_IN_ANNOTATION: Final = 0x00280301
#: Code values of DCM for the profile and its options (PS3.16 CID 7050), and what they mean.
_BASIC: Final = ("113100", "Basic Application Confidentiality Profile")
_CODES: Final = {
    Option.CLEAN_PIXEL_DATA: ("113101", "Clean Pixel Data Option"),
    Option.CLEAN_VISUAL_FEATURES: ("113102", "Clean Recognizable Visual Features Option"),
    Option.CLEAN_GRAPHICS: ("113103", "Clean Graphics Option"),
    Option.CLEAN_STRUCTURED_CONTENT: ("113104", "Clean Structured Content Option"),
    Option.CLEAN_DESCRIPTORS: ("113105", "Clean Descriptors Option"),
    Option.RETAIN_FULL_DATES: ("113106", "Retain Longitudinal Temporal Information Full Dates Option"),
    Option.RETAIN_MODIFIED_DATES: (
        "113107",
        "Retain Longitudinal Temporal Information Modified Dates Option",
    ),
    Option.RETAIN_PATIENT_CHARACTERISTICS: ("113108", "Retain Patient Characteristics Option"),
    Option.RETAIN_DEVICE_IDENTITY: ("113109", "Retain Device Identity Option"),
    Option.RETAIN_UIDS: ("113110", "Retain UIDs Option"),
    Option.RETAIN_SAFE_PRIVATE: ("113111", "Retain Safe Private Option"),
    Option.RETAIN_INSTITUTION_IDENTITY: ("113112", "Retain Institution Identity Option"),
}


class PixelsSeen(NamedTuple):
    """Whether the pixels were searched for text, and whether a person has to look at them all the same."""

    clean: bool = False
    doubtful: bool = True


UNSEEN: Final = PixelsSeen()


def flags(policy: Policy, encoding: Encoding, pixels: PixelsSeen, has_pixels: bool) -> dict[int, list[Chunk]]:
    """The elements that say how an instance was de-identified, by tag. Only what was done is claimed."""
    undone = {Option.CLEAN_VISUAL_FEATURES} | (
        set() if pixels.clean or not has_pixels else {Option.CLEAN_PIXEL_DATA}
    )
    done = policy.options - undone
    codes = [_BASIC, *(_CODES[option] for option in Option if option in done)]
    longitudinal = (
        "MODIFIED"
        if Option.RETAIN_MODIFIED_DATES in done
        else "UNMODIFIED"
        if Option.RETAIN_FULL_DATES in done
        else "REMOVED"
    )
    texts = {
        0x00120062: ("CS", "YES"),
        0x00120063: ("LO", "\\".join(_method(policy))),
        0x00280303: ("CS", longitudinal),
    }
    if has_pixels and pixels.clean:
        texts[_BURNED_IN_ANNOTATION] = ("CS", "NO")
    written: dict[int, list[Chunk]] = {
        tag: [encoding.element(tag, vr, text.encode())] for tag, (vr, text) in texts.items()
    }
    return written | {0x00120064: encoding.sequence(0x00120064, (_code(encoding, *code) for code in codes))}


def _method(policy: Policy) -> tuple[str, str]:
    """The method in words, each value within the 64 characters of an LO."""
    return (
        f"PS3.15 Annex E {EDITION} by Reading Room",
        f"{policy.name} {policy.version} {policy.digest[:12]}",
    )


def _code(encoding: Encoding, value: str, meaning: str) -> list[Chunk]:
    return [
        encoding.element(0x00080100, "SH", value.encode()),
        encoding.element(0x00080102, "SH", b"DCM"),
        encoding.element(0x00080104, "LO", meaning.encode()),
    ]
