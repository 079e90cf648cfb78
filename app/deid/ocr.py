"""Text in pixels, found by rapidocr with the models of its wheel: an optional extra.

The result is the same each time: one thread, pinned version, models read from the wheel and never fetched.
"""

import logging
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.deid.boxes import Box, fitted
from app.errors import Misconfigured

Picture = NDArray[np.uint8]

MISSING = "Text in pixels can only be looked for with the extra `ocr`: pip install 'readingroom[ocr]'."
#: Larger pictures are read in tiles of this size, which overlap by the longest line likely to be cut.
_TILE, _OVERLAP = 1280, 256
#: Lines this likely to be text count; few that are none reach it, few that are do not.
_LIKELY = 0.3
#: Pixels around a box that are blanked with it: edges of letters lie outside of what is found.
_MARGIN = 3
#: Lines higher than this, or than a third of a small picture, and than a sixth of any, are round organs that
#: read as letters.
_HIGHEST = 64
#: The least difference of brightest and darkest, of 255, for anything to be read.
_FAINTEST = 8
#: Percentiles that become black and white.
_TAILS = (0.1, 99.9)


def is_available() -> bool:
    """Whether the extra is installed."""
    try:
        _engine()
    except Misconfigured:
        return False
    return True


def boxes(image: Picture) -> list[Box]:
    """Where an 8-bit picture (rows × columns, or × 3) holds text, with a margin, in reading order.

    Raises Misconfigured where the extra `ocr` is not installed.
    """
    engine, (rows, columns) = _engine(), image.shape[:2]
    found: list[Box] = []
    for top, left in _tiles(rows, columns):
        tile = image[top : top + _TILE, left : left + _TILE]
        if int(tile.max()) - int(tile.min()) >= _FAINTEST:
            found += (box.moved(left, top) for box in _read(engine, tile))
    return fitted((box.grown(_MARGIN) for box in found), rows, columns)


def find(samples: NDArray[Any]) -> list[Box]:
    """Where stored values of any depth hold text, read in two scalings: text may be dim or bright in them.

    Raises Misconfigured where the extra `ocr` is not installed.
    """
    rows, columns = samples.shape[:2]
    plain, lifted = views(samples)
    return fitted((*boxes(plain), *_coarse(lifted)), rows, columns)


def _coarse(view: Picture) -> list[Box]:
    """The boxes of a picture read at once, of a large one every second or third pixel: its text is larger."""
    step = -(-max(view.shape[:2]) // _TILE)
    small = view[::step, ::step]
    return [Box(*(step * side for side in box)) for box in boxes(small)]


def views(samples: NDArray[Any]) -> tuple[Picture, Picture]:
    """The values as 8-bit pictures, in proportion and by their roots; a few pixels' extremes do not count."""
    values = np.nan_to_num(samples.astype(np.float32))
    low, high = (float(each) for each in np.percentile(values, _TAILS))
    if high <= low:
        low, high = float(values.min()), float(values.max())
    scaled = np.clip((values - low) / (high - low if high > low else 1), 0, 1)
    return (scaled * 255).astype(np.uint8), (np.sqrt(scaled) * 255).astype(np.uint8)


def _tiles(rows: int, columns: int) -> Iterator[tuple[int, int]]:
    """Top and left of each tile."""
    step = _TILE - _OVERLAP
    for top in range(0, max(1, rows - _OVERLAP), step):
        for left in range(0, max(1, columns - _OVERLAP), step):
            yield top, left


def _read(engine: Any, tile: Picture) -> Iterator[Box]:
    """The boxes around what is read in one tile; lines may lie askew, boxes do not."""
    colour = np.repeat(tile[..., None], 3, axis=2) if tile.ndim == 2 else tile
    lines = engine(np.ascontiguousarray(colour)).boxes
    for line in lines if lines is not None else ():
        left, top = np.floor(line.min(axis=0)).astype(int)
        right, bottom = np.ceil(line.max(axis=0)).astype(int)
        box = Box(int(left), int(top), int(right) + 1, int(bottom) + 1)
        side = min(tile.shape[:2])
        if min(box.right - box.left, box.bottom - box.top) <= max(min(_HIGHEST, side // 3), side // 6):
            yield box


@cache
def _engine() -> Any:
    try:
        import rapidocr
    except ImportError:
        raise Misconfigured(MISSING) from None
    logging.getLogger("RapidOCR").setLevel(logging.ERROR)
    models = Path(rapidocr.__file__).parent / "models"
    return rapidocr.RapidOCR(
        params={
            "Global.log_level": "error",
            "Global.use_cls": False,
            "Global.text_score": _LIKELY,
            "Det.model_path": _model(models, "det"),
            "Rec.model_path": _model(models, "rec"),
            "EngineConfig.onnxruntime.intra_op_num_threads": 1,
            "EngineConfig.onnxruntime.inter_op_num_threads": 1,
        }
    )


def _model(models: Path, task: str) -> str:
    """The wheel's model for a task."""
    found = sorted(models.glob(f"*_{task}_*.onnx"))
    if not found:
        raise Misconfigured("rapidocr is installed without its models; install it anew from its wheel.")
    return str(found[0])
