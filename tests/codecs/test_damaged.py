"""Damaged frames of the transfer syntaxes that GDCM decodes, which may end the process: the pool goes on."""

import random
from pathlib import Path

import pytest

from app.codecs import Codecs
from app.dicom import pixels
from app.errors import CannotDecode
from tests.corpus import files
from tests.dicom.test_pixels import COMPRESSED, first_frame

GDCM = [path for path in COMPRESSED if first_frame(path)[1][-3:] in (".51", ".57", ".70")]
SOUND = next(path for path in files() if path.name == "MR_small_jpeg_ls_lossless.dcm")


def damaged(part: bytes, seed: int) -> bytes:
    """Cut off, or with some bytes changed, most of them in the tables at the beginning."""
    chosen = random.Random(seed)
    if seed % 4 == 0:
        return part[: chosen.randrange(len(part))]
    changed = bytearray(part)
    for _ in range(chosen.randrange(1, 6)):
        changed[chosen.randrange(600 if seed % 2 else len(part)) % len(part)] = chosen.randrange(256)
    return bytes(changed)


@pytest.mark.parametrize("path", GDCM, ids=lambda path: path.name)
async def test_damage_costs_one_call(path: Path) -> None:
    part, uid, description = first_frame(path)
    sound = first_frame(SOUND)
    expected = pixels.decode_frame(*sound)
    codecs = Codecs(1, 20, 1 << 30)
    try:
        for seed in range(25):
            try:
                frame = await codecs.decode_frame(damaged(part, seed), uid, description)
            except CannotDecode:
                continue
            assert len(frame) * 8 == pixels.decoded(description, uid).frame_bits
        assert await codecs.decode_frame(*sound) == expected
    finally:
        await codecs.close()
