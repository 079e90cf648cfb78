"""Texts drawn into pixels, and whether their letters can still be made out."""

from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

#: From this correlation of the pixels with a letter's shape on, the letter can be read.
LEGIBLE = 0.5


@cache
def mask(text: str, size: int) -> NDArray[np.float64]:
    """How dark each pixel of the text is, 0 to 1: rows by columns."""
    font = ImageFont.load_default(size)
    _, _, right, bottom = map(int, font.getbbox(text))
    drawn = Image.new("L", (right + 2, bottom + 2))
    ImageDraw.Draw(drawn).text((0, 0), text, fill=255, font=font)
    return np.asarray(drawn, dtype=np.float64) / 255


def draw(pixels: NDArray[np.generic], text: str, row: int, column: int, size: int, value: int) -> None:
    """Write a text into frames by rows by columns [by samples], in place."""
    shape = mask(text, size)
    height, width = shape.shape
    there = pixels[:, row : row + height, column : column + width]
    weight = shape[None, :, :] if pixels.ndim == 3 else shape[None, :, :, None]
    there[...] = (there * (1 - weight) + value * weight).astype(pixels.dtype)


def legible(pixels: NDArray[np.float64], text: str, row: int, column: int, size: int) -> str:
    """The letters that can still be made out, in any of the frames by rows by columns."""
    shape = mask(text, size)
    found = ""
    for number, letter in enumerate(text):
        start, end = _columns(text, number, size)
        if letter == " " or end - start < 3:
            continue
        there = pixels[:, row : row + shape.shape[0], column + start : column + end]
        if any(_alike(frame, shape[:, start:end]) >= LEGIBLE for frame in there):
            found += letter
    return found


def _columns(text: str, number: int, size: int) -> tuple[int, int]:
    font = ImageFont.load_default(size)
    return int(font.getlength(text[:number])), int(font.getlength(text[: number + 1]))


def _alike(frame: NDArray[np.float64], shape: NDArray[np.float64]) -> float:
    if frame.shape != shape.shape or frame.std() == 0 or shape.std() == 0:
        return 0.0
    return abs(float(np.corrcoef(frame.ravel(), shape.ravel())[0, 1]))


def body(frames: int, rows: int, columns: int, high: int, seed: int) -> NDArray[np.float64]:
    """A round body with some noise in it, between 0 and `high`."""
    row, column = np.ogrid[:rows, :columns]
    inside = np.hypot(row - rows / 2, (column - columns / 2) * rows / columns) < rows * 0.35
    noise = np.random.default_rng(seed).normal(0, high / 60, (frames, rows, columns))
    return np.clip(np.where(inside, high * 0.45, high * 0.05) + noise, 0, high)
