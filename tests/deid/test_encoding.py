"""Elements written in each encoding, and found again as they stand."""

from io import BytesIO

import pytest
from pydicom import Dataset, dcmread
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from app.deid.encoding import Encoding, Originals
from app.dicom import part10
from app.dicom.dictionary import LONG_VRS, SHORT_VRS
from tests import instances
from tests.dicom.made import encapsulated

ENCODINGS = {
    ImplicitVRLittleEndian: Encoding(True, False),
    ExplicitVRLittleEndian: Encoding(True, True),
    ExplicitVRBigEndian: Encoding(False, True),
}


def meta(syntax: str) -> bytes:
    whole = instances.part10(slice_of_ct(), syntax)
    return whole[: part10.read(whole).dataset[0].offset - 8]


def slice_of_ct() -> Dataset:
    return instances.ct(instance="1.2.3.4.5")


def read(syntax: str, *elements: bytes) -> Dataset:
    return dcmread(BytesIO(meta(syntax) + b"".join(elements)))


@pytest.mark.parametrize("syntax", ENCODINGS)
@pytest.mark.filterwarnings("ignore:The value length")
@pytest.mark.parametrize("length", [0, 7, 70_000])
def test_text_of_any_length(syntax: str, length: int) -> None:
    written = ENCODINGS[syntax].element(0x0008103E, "LO", b"x" * length)
    assert len(written) % 2 == 0
    found = read(syntax, written)[0x0008103E].value
    assert (found.decode() if isinstance(found, bytes) else found or "").strip() == "x" * length


@pytest.mark.parametrize("syntax", ENCODINGS)
def test_sequences_state_their_lengths(syntax: str) -> None:
    encoding = ENCODINGS[syntax]
    inner = encoding.sequence(0x00081140, [[encoding.element(0x00081155, "UI", b"1.2.3")], []])
    outer = b"".join(encoding.sequence(0x00400275, [inner]))
    item = read(syntax, outer)[0x00400275].value[0]
    assert item.ReferencedImageSequence[0].ReferencedSOPInstanceUID == "1.2.3"
    assert len(item.ReferencedImageSequence) == 2
    assert not item.ReferencedImageSequence[1]


@pytest.mark.parametrize("vr", sorted(SHORT_VRS | LONG_VRS))
@pytest.mark.parametrize("encoding", ENCODINGS.values())
def test_headers_are_as_long_as_the_vr_wants(vr: str, encoding: Encoding) -> None:
    header = encoding.header(0x00091001, vr, 4)
    assert len(header) == (8 if vr in SHORT_VRS or not encoding.explicit else 12)
    order = "little" if encoding.little_endian else "big"
    assert header[:2] == (9).to_bytes(2, order)
    if encoding.explicit:
        assert header[4:6] == vr.encode()


@pytest.mark.parametrize("syntax", ENCODINGS)
def test_elements_stand_where_they_are_found(syntax: str) -> None:
    """What is taken over element by element is the data set, byte by byte."""
    whole = instances.part10(slice_of_ct(), syntax)
    source = part10.read(whole)
    originals = Originals(source, ENCODINGS[syntax])
    chunks = [chunk for element in source.dataset for chunk in originals.whole(element)]
    assert b"".join(chunks) == whole[source.dataset[0].offset - 8 :]


def test_encapsulated_pixel_data_keeps_its_end() -> None:
    dataset = slice_of_ct()
    dataset.PixelData = encapsulated([b"\1\2" * 40_000, b"\3\4"])
    dataset["PixelData"].VR = "OB"
    dataset["PixelData"].is_undefined_length = True
    whole = instances.part10(dataset, "1.2.840.10008.1.2.4.50")
    source = part10.read(whole)
    chunks = b"".join(Originals(source, ENCODINGS[ExplicitVRLittleEndian]).whole(source.dataset[-1]))
    assert chunks.endswith(b"\3\4\xfe\xff\xdd\xe0\0\0\0\0")
    assert whole.endswith(chunks)
    assert chunks[:4] == b"\xe0\x7f\x10\x00"
