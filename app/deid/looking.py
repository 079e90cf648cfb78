"""Text in the pixels of a series: looked for once in all of them, blanked in each.

What works on files here runs where codecs may crash: in a submitter's processes, or in the server's codec
processes, which answer with bytes alone.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import orjson

from app.deid import regions
from app.deid.blank import Blanked, blank, prove
from app.deid.boxes import Box, fitted
from app.deid.brightest import Brightest
from app.deid.policy import Policy
from app.deid.standard import Option
from app.dicom import rewrite
from app.dicom.elements import PIXEL_DATA
from app.dicom.part10 import Part10
from app.errors import CannotDecode, CannotEncode, InvalidInstance

_ROWS, _COLUMNS = 0x00280010, 0x00280011
_PIXELS = (0x7FE00008, 0x7FE00009, PIXEL_DATA)
#: What says that pixels could not be looked at, or blanked: a person has to.
FAILURES = (CannotDecode, CannotEncode, InvalidInstance)


@dataclass(frozen=True, slots=True)
class Sought:
    """What was found in a series: boxes by the size of frames, and which of its instances were not read."""

    boxes: dict[str, list[Box]]
    unread: frozenset[int]

    def to_json(self) -> bytes:
        """As bytes, for other processes."""
        boxes = {size: [list(box) for box in found] for size, found in self.boxes.items()}
        return orjson.dumps({"boxes": boxes, "unread": sorted(self.unread)})

    @classmethod
    def from_json(cls, form: bytes) -> Self:
        """What `to_json` gave."""
        said = orjson.loads(form)
        boxes = {size: [Box(*box) for box in found] for size, found in said["boxes"].items()}
        return cls(boxes, frozenset(said["unread"]))


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be done to an instance's pixels: boxes to blank; whether nobody need look when they are."""

    boxes: tuple[Box, ...]
    clean: bool


#: For what could not be looked at.
NOT_SEEN = Wanted((), clean=False)


def has_pixels(part10: Part10) -> bool:
    """Whether an instance has pixels in which text could stand."""
    return any(part10.get(tag) is not None for tag in _PIXELS)


def seek(paths: Sequence[Path]) -> bytes:
    """Look at a series' instances, as one picture: a `Sought` as JSON. Raises Misconfigured without OCR."""
    brightest, unread = Brightest(), []
    for number, path in enumerate(paths):
        try:
            with rewrite.opened(path) as source:
                if has_pixels(source.part10):
                    brightest.add(source)
        except FAILURES:
            unread.append(number)
    boxes = {f"{rows}x{columns}": found for (rows, columns), found in brightest.boxes().items()}
    return Sought(boxes, frozenset(unread)).to_json()


def wanted(part10: Part10, policy: Policy, sought: Sought | None, number: int) -> Wanted:
    """What to do to an instance, the one of this number in its series; `sought` None where no OCR looked."""
    if not policy.has(Option.CLEAN_PIXEL_DATA) or not has_pixels(part10):
        return NOT_SEEN
    known = (
        regions.known(part10, regions.parse(policy.pixels.rules))
        if policy.pixels.regions
        else regions.NOTHING
    )
    rows, columns = part10.number(_ROWS) or 0, part10.number(_COLUMNS) or 0
    found = sought.boxes.get(f"{rows}x{columns}", []) if sought else []
    seen = sought is not None and number not in sought.unread
    boxes = fitted((*known.boxes, *found), rows, columns)
    return Wanted(tuple(boxes), clean=seen or (policy.pixels.regions and not known.look))


def blank_file(path: Path, target: Path, boxes: Iterable[Box]) -> bytes:
    """Write to `target` what stands instead of the pixels of the instance at `path` with these boxes blank.

    JSON: the transfer syntax, and of each element its tag and length in `target`, one after the other; `null`
    where no box lies in the frames. Raises CannotDecode, CannotEncode and InvalidInstance.
    """
    with rewrite.opened(path) as source:
        made = blank(source, boxes)
        if made is None:
            return b"null"
        lengths = {}
        with target.open("wb") as out:
            for tag in sorted(made.elements):
                start = out.tell()
                out.writelines(made.elements[tag])
                lengths[str(tag)] = out.tell() - start
    return orjson.dumps({"transfer_syntax_uid": made.transfer_syntax_uid, "elements": lengths})


def blanked(form: bytes, content: bytes) -> Blanked | None:
    """What `blank_file` wrote, by what it said of it."""
    said = orjson.loads(form)
    if said is None:
        return None
    elements: dict[int, Iterable[bytes]] = {}
    position = 0
    for tag, length in said["elements"].items():
        elements[int(tag)] = [content[position : position + length]] if length else []
        position += length
    return Blanked(said["transfer_syntax_uid"], elements)


def prove_files(before: Path, after: Path, boxes: Iterable[Box]) -> None:
    """Read a written instance again (`blank.prove`). Raises CannotDecode where it does not hold."""
    with rewrite.opened(before) as old, rewrite.opened(after) as new:
        prove(old, new, boxes)
