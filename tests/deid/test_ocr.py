"""Planted texts in pictures of every depth are found; what is no text is left."""

import builtins
import sys

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from app.deid import native_frames, ocr
from app.deid.boxes import Box
from app.deid.brightest import Brightest
from app.dicom import part10
from app.errors import Misconfigured
from tests import instances

TEXTS = ("SMITH^JOHN", "MRN 0012345", "1964-03-12 14:32", "St. Mary Hospital")


def _planted(height: int, size: tuple[int, int] = (512, 512)) -> tuple[np.ndarray, list[Box]]:
    """How much of each pixel is text (0 to 1), and where the texts stand."""
    image = Image.new("L", size[::-1])
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(size=height * 1.37)
    places = []
    for number, text in enumerate(TEXTS):
        place = (12 + 70 * (number % 3), 20 + (size[0] - 60) // len(TEXTS) * number)
        draw.text(place, text, fill=255, font=font)
        places.append(Box(*map(int, draw.textbbox(place, text, font=font))))
    return np.asarray(image) / 255, places


def _anatomy(size: tuple[int, int] = (512, 512)) -> np.ndarray:
    y, x = np.mgrid[: size[0], : size[1]] / 512
    body = ((x - 0.5) ** 2 / 0.16 + (y - 0.5) ** 2 / 0.12 < 1) * (1 + 0.2 * np.sin(30 * x) * np.sin(25 * y))
    return 1500 * body + np.random.default_rng(3).normal(20, 10, size)


def _found(places: list[Box], boxes: list[Box], size: tuple[int, int] = (512, 512)) -> int:
    """How many texts are covered to four fifths and more."""
    covered = np.zeros(size, bool)
    for box in boxes:
        covered[box.top : box.bottom, box.left : box.right] = True
    return sum(covered[each.top : each.bottom, each.left : each.right].mean() >= 0.8 for each in places)


@pytest.mark.parametrize(("height", "value"), [(9, 4095), (12, 2500), (16, 800), (20, 4095)])
def test_texts_on_anatomy_are_found(height: int, value: int) -> None:
    ink, places = _planted(height)
    boxes = ocr.find(_anatomy() * (1 - ink) + value * ink)
    assert _found(places, boxes) == len(TEXTS)
    assert sum(box.area for box in boxes) < 4 * sum(place.grown(4).area for place in places)


def test_a_picture_without_text_has_none() -> None:
    assert ocr.find(_anatomy()) == []
    assert ocr.find(np.zeros((64, 64))) == []


def test_large_pictures_are_read_in_tiles() -> None:
    ink, places = _planted(12, (1600, 900))
    assert _found(places, ocr.boxes((ink * 255).astype(np.uint8)), (1600, 900)) == len(TEXTS)


def test_finding_is_the_same_each_time() -> None:
    ink, _ = _planted(12)
    assert ocr.find(ink) == ocr.find(ink)


def test_text_of_any_frame_is_in_the_brightest_picture() -> None:
    ink, places = _planted(14, (256, 384))
    frames = np.stack([np.full((256, 384), 10), 10 + 3000 * ink, np.full((256, 384), 12)]).astype("<u2")
    dataset = instances.ct(Rows=256, Columns=384, NumberOfFrames=3, PixelData=frames.tobytes())
    seen = Brightest()
    seen.add(native_frames.at_hand(part10.read(instances.part10(dataset))))
    found = seen.boxes()
    assert list(found) == [(256, 384)]
    assert _found(places, found[256, 384], (256, 384)) == len(TEXTS)


def test_white_of_monochrome1_is_bright() -> None:
    values = np.array([[5, 9]] * 2, "<u2")
    dataset = instances.ct(
        Rows=2, Columns=2, PhotometricInterpretation="MONOCHROME1", PixelData=values.tobytes()
    )
    seen = Brightest()
    seen.add(native_frames.at_hand(part10.read(instances.part10(dataset))))
    assert (seen.pictures[2, 2] == -values.astype(float)).all()


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def missing(name: str, *rest: object) -> object:
        if name == "rapidocr":
            raise ImportError(name)
        return real(name, *rest)  # type: ignore[arg-type]

    ocr._engine.cache_clear()
    monkeypatch.delitem(sys.modules, "rapidocr", raising=False)
    monkeypatch.setattr(builtins, "__import__", missing)
    assert not ocr.is_available()
    with pytest.raises(Misconfigured, match=r"readingroom\[ocr\]"):
        ocr.boxes(np.zeros((8, 8), np.uint8))
