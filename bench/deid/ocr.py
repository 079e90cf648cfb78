"""How much burned-in text is found: `python -m bench.deid.ocr [N]` plants it into N synthetic images.

A text counts as found where four fifths of its box are covered; a box that touches no text is a false one.
"""

import sys
import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from app.deid import ocr
from app.deid.boxes import Box

SIZE = 512
HEIGHTS = (9, 10, 12, 14, 16, 20)
TEXTS = (
    "SMITH^JOHN", "DOE, JANE", "12345678", "1964-03-12", "14:32:05", "St. Mary Hospital", "MRN 0012345",
    "DR. MUELLER", "F 54Y", "KONOPKA", "Acc 9981", "Zurich", "12/03/1964",
)  # fmt: skip


@dataclass
class Score:
    """Texts planted and found, boxes and those that are false, CPU seconds."""

    planted: int = 0
    found: int = 0
    boxes: int = 0
    false: int = 0
    seconds: float = 0


def background(kind: int, random: np.random.Generator) -> NDArray[np.float64]:
    """Values as of a 12-bit image: nothing, a soft spot, a body with texture, noise."""
    y, x = np.mgrid[:SIZE, :SIZE] / SIZE
    if kind == 0:
        return np.zeros((SIZE, SIZE))
    if kind == 1:
        return 900 * np.exp(-((x - 0.5) ** 2 + (y - 0.5) ** 2) * 8) + random.normal(0, 40, (SIZE, SIZE))
    if kind == 2:
        body = ((x - 0.5) ** 2 / 0.16 + (y - 0.5) ** 2 / 0.12 < 1) * (
            1 + 0.2 * np.sin(30 * x) * np.sin(25 * y)
        )
        return 1500 * body + random.normal(20, 10, (SIZE, SIZE))
    return 300 + random.normal(0, 60, (SIZE, SIZE))


def planted(random: np.random.Generator, height: int) -> tuple[NDArray[np.float64], list[Box]]:
    """Two or so texts: how much of each pixel is text, and their boxes."""
    image, places = Image.new("L", (SIZE, SIZE)), list[Box]()
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(size=height * 1.37)
    for _ in range(2):
        text = TEXTS[random.integers(len(TEXTS))]
        corner = int(random.integers(5, SIZE - 160)), int(random.integers(5, SIZE - 30))
        place = Box(*map(int, draw.textbbox(corner, text, font=font)))
        if not any(_touch(place.grown(8), other) for other in places):
            draw.text(corner, text, fill=255, font=font)
            places.append(place)
    return np.asarray(image) / 255, places


def measure(images: int, value: float, seed: int = 7) -> Score:
    """The score over images whose text has this value; in a body of up to 1,800 such text is not legible."""
    random, score = np.random.default_rng(seed), Score()
    for number in range(images):
        ink, places = planted(random, HEIGHTS[number % len(HEIGHTS)])
        values = background(number % 4, random) * (1 - ink) + value * ink
        started = time.process_time()
        boxes = ocr.find(values)
        score.seconds += time.process_time() - started
        _count(score, places, boxes)
    return score


def _count(score: Score, places: list[Box], boxes: list[Box]) -> None:
    covered = np.zeros((SIZE, SIZE), bool)
    for box in boxes:
        covered[box.top : box.bottom, box.left : box.right] = True
    score.planted += len(places)
    score.found += sum(
        covered[each.top : each.bottom, each.left : each.right].mean() >= 0.8 for each in places
    )
    score.boxes += len(boxes)
    score.false += sum(not any(_touch(box, place) for place in places) for box in boxes)


def _touch(box: Box, other: Box) -> bool:
    across = box.left < other.right and other.left < box.right
    return across and box.top < other.bottom and other.top < box.bottom


def main() -> None:
    """Print a line for each value."""
    images = int(sys.argv[1]) if len(sys.argv) > 1 else 108
    print("value  texts  recall  false boxes  CPU seconds an image")
    for value in (4095, 2500, 800):
        score = measure(images, value)
        recall = score.found / score.planted
        print(
            f"{value:5}  {score.planted:5}  {recall:6.3f}  {score.false:4} of {score.boxes:3}  "
            f"{score.seconds / images:8.2f}"
        )


if __name__ == "__main__":
    main()
