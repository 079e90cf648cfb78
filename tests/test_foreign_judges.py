"""What the archive sends, judged by programs that share no code with it: DCMTK, GDCM and dciodvfy."""

import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path
from warnings import catch_warnings

import httpx
import numpy as np
import pytest
from anyio import to_thread
from pydicom import dcmread
from pydicom.pixels import pixel_array

from app.dicom import transfer_syntaxes
from app.dicom.encoders import ENCODERS
from app.settings import Settings
from tests.required import lacking
from tests.rows.asking import get, opened, real, stored, url

EXPLICIT = "1.2.840.10008.1.2.1"
#: Who makes native pixels of what; GDCM, for JPEG 2000 and HTJ2K, is the one that is always here.
DCMTK = {
    EXPLICIT: "dcmconv",
    "1.2.840.10008.1.2.5": "dcmdrle",
    "1.2.840.10008.1.2.4.50": "dcmdjpeg",
    "1.2.840.10008.1.2.4.51": "dcmdjpeg",
    "1.2.840.10008.1.2.4.57": "dcmdjpeg",
    "1.2.840.10008.1.2.4.70": "dcmdjpeg",
    "1.2.840.10008.1.2.4.80": "dcmdjpls",
}
#: Grey, signed and unsigned, colour, a palette, doses; stored in every kind of transfer syntax. With
#: each, by how much DCMTK may decode it otherwise: what is stored with loss, pydicom cannot read.
SOURCES = {
    "CT_small.dcm": 0,
    "JPEG-LL.dcm": 0,
    "JPGExtended.dcm": 2,
    "MR-SIEMENS-DICOM-WithOverlays.dcm": 0,
    "MR_small_bigendian.dcm": 0,
    "MR_small_jp2klossless.dcm": 0,
    "MR_small_jpeg_ls_lossless.dcm": 0,
    "SC_rgb_16bit.dcm": 0,
    "emri_small_RLE.dcm": 0,
    "examples_palette.dcm": 0,
    "image_dfl.dcm": 0,
    "rtdose.dcm": 0,
}
#: dciodvfy cannot judge native pixels of 32 bits.
GAVE_UP = "Error - dciodvfy gave up"
#: Transfer syntaxes younger than it: deflated frames, and native ones in fragments.
UNKNOWN_TO_DCIODVFY = ("1.2.840.10008.1.2.8.1", "1.2.840.10008.1.2.1.98")
#: What else is sent in a form that is not the stored one: without pixels, or with single bits.
OTHERS = ("liver_expb_1frame.dcm", "reportsi.dcm", "rtplan.dcm", "test-SR.dcm", "waveform_ecg.dcm")


def program(name: str) -> str:
    """Where a judge is: beside this Python, or on the path."""
    found = shutil.which(name, path=Path(sys.executable).parent) or shutil.which(name)
    if found is None:
        lacking(f"{name} is not here: install Debian's dcmtk and the development requirements")
    return found


def run(name: str, *arguments: str | Path) -> str:
    """What a judge says, where it is content."""
    done = subprocess.run([program(name), *arguments], capture_output=True, text=True, errors="replace")
    assert done.returncode == 0, (name, done.stdout + done.stderr)
    return done.stdout + done.stderr


def errors(path: Path) -> Counter[str]:
    """What dciodvfy finds against the standard; it exits with 1 when it finds anything."""
    done = subprocess.run([program("dciodvfy"), path], capture_output=True, text=True, errors="replace")
    lines = (done.stdout + done.stderr).splitlines()
    if any("Assertion" in line for line in lines):
        return Counter([GAVE_UP])
    assert any(line.startswith(("Error", "Warning")) or line.isalnum() for line in lines), lines
    return Counter(line for line in lines if line.startswith("Error"))


def new(after: Counter[str], before: Counter[str]) -> Counter[str]:
    """The errors of a form that its source had not."""
    return Counter() if GAVE_UP in before else after - before


def errors_of_stored(path: Path) -> Counter[str]:
    """The same of a source: as DCMTK writes it in Explicit VR Little Endian, which dciodvfy reads best."""
    if transfer_syntaxes.get(_syntax(path)).encapsulated:
        return errors(path)
    plain = path.with_suffix(".plain.dcm")
    run("dcmconv", "+te", path, plain)
    return errors(plain)


def _syntax(path: Path) -> str:
    return str(dcmread(path, stop_before_pixels=True).file_meta.TransferSyntaxUID)


def pixels(path: Path) -> np.ndarray:
    """The pixels of a file, whatever their colours mean, by pydicom."""
    with catch_warnings(action="ignore"):
        return pixel_array(dcmread(path), raw=True)


def readable(path: Path) -> None:
    """DCMTK reads all of it and has nothing to remark."""
    assert run("dcmftest", path).startswith("yes:")
    remarks = run("dcmdump", "--load-all", "--quiet", path).splitlines()
    assert [line for line in remarks if line.startswith(("W:", "E:", "F:"))] == []


def native(path: Path) -> Path:
    """The same file with native pixels, made by a foreign decoder."""
    uid = _syntax(path)
    made = path.with_suffix(".native.dcm")
    if uid in DCMTK:
        run(DCMTK[uid], path, made)
    else:
        run("gdcmconv", "--raw", path, made)
    return made


async def retrieved(client: httpx.AsyncClient, path: str, uid: str, target: Path) -> bool:
    """Retrieve an instance in a transfer syntax; whether its pixels can be held by that."""
    answer = await get(client, path, f"application/dicom; transfer-syntax={uid}")
    assert answer.status_code in (200, 406), answer.text
    await to_thread.run_sync(target.write_bytes, answer.content)
    return answer.status_code == 200


@pytest.mark.parametrize("name", SOURCES)
async def test_every_lossless_form_is_read_and_decoded_alike(
    tmp_path: Path, sqlite_url: str, name: str
) -> None:
    data, dataset = real(name)
    source, explicit, got = (tmp_path / each for each in ("source.dcm", "explicit.dcm", "got.dcm"))
    source.write_bytes(data)
    made = set()
    async with opened(Settings(data=tmp_path / "data", database=sqlite_url)) as client:
        await stored(client, data)
        assert await retrieved(client, url(dataset), EXPLICIT, explicit)
        readable(explicit)
        expected = pixels(explicit)
        true = pixels(native(source) if SOURCES[name] else source)
        assert np.abs(true.astype(np.int64) - expected.astype(np.int64)).max() <= SOURCES[name]
        before = errors(explicit)
        assert not new(before, errors_of_stored(source))
        for uid, encoder in ENCODERS.items():
            own = uid == dataset.file_meta.TransferSyntaxUID
            if own or not encoder.lossless or not await retrieved(client, url(dataset), uid, got):
                continue
            readable(got)
            np.testing.assert_array_equal(pixels(native(got)), expected, err_msg=uid)
            assert uid in UNKNOWN_TO_DCIODVFY or not new(errors(got), before), uid
            made.add(uid)
    assert "1.2.840.10008.1.2.5" in made | {dataset.file_meta.TransferSyntaxUID}
    assert len(made) >= 5 or dataset.BitsAllocated == 32


@pytest.mark.parametrize("name", OTHERS)
async def test_explicit_little_endian_is_as_right_as_what_was_stored(
    tmp_path: Path, sqlite_url: str, name: str
) -> None:
    data, dataset = real(name)
    source, explicit = tmp_path / "source.dcm", tmp_path / "explicit.dcm"
    source.write_bytes(data)
    async with opened(Settings(data=tmp_path / "data", database=sqlite_url)) as client:
        await stored(client, data)
        assert await retrieved(client, url(dataset), EXPLICIT, explicit)
    readable(explicit)
    assert not new(errors(explicit), errors_of_stored(source))


@pytest.mark.parametrize(
    ("name", "uid"),
    [
        ("CT_small.dcm", "1.2.840.10008.1.2.4.91"),
        ("MR_small_bigendian.dcm", "1.2.840.10008.1.2.4.91"),
        ("SC_rgb_rle.dcm", "1.2.840.10008.1.2.4.91"),
        ("SC_rgb_rle.dcm", "1.2.840.10008.1.2.4.50"),
        ("image_dfl.dcm", "1.2.840.10008.1.2.4.50"),
    ],
)
async def test_a_lossy_form_is_read_and_close_to_its_source(
    tmp_path: Path, sqlite_url: str, name: str, uid: str
) -> None:
    data, dataset = real(name)
    explicit, got = tmp_path / "explicit.dcm", tmp_path / "got.dcm"
    async with opened(Settings(data=tmp_path / "data", database=sqlite_url)) as client:
        await stored(client, data)
        assert await retrieved(client, url(dataset), EXPLICIT, explicit)
        assert await retrieved(client, url(dataset), uid, got)
    readable(got)
    assert not new(errors(got), errors(explicit))
    with catch_warnings(action="ignore"):
        near, true = pixel_array(native(got)).astype(float), pixel_array(explicit).astype(float)
    assert signal_to_noise(near, true) > 30


def signal_to_noise(near: np.ndarray, true: np.ndarray) -> float:
    """The peak signal to noise ratio, in dB, where the peak is the range that the pixels really have."""
    error = np.mean((near - true) ** 2)
    return float(10 * np.log10(np.ptp(true) ** 2 / error)) if error else np.inf
