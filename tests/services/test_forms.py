"""In which forms a resource is offered, against what clients ask for."""

import pytest

from app.errors import NotAcceptable
from app.services.forms import bulkdata_offers, converts, frame_offers, instance_offers
from app.wire.accept import choose

IMPLICIT, EXPLICIT, BIG = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2"
JPEG, JPEG_LOSSLESS, J2K, RLE = (
    "1.2.840.10008.1.2.4.50",
    "1.2.840.10008.1.2.4.70",
    "1.2.840.10008.1.2.4.90",
    "1.2.840.10008.1.2.5",
)
MPEG = "1.2.840.10008.1.2.4.100"
REFUSED = "refused"


@pytest.mark.parametrize(
    ("stored", "asked", "form"),
    [
        ({EXPLICIT}, "", "stored"),
        ({IMPLICIT}, "", "explicit"),
        ({BIG, RLE}, "", "explicit"),
        ({JPEG}, "", "stored"),
        ({MPEG}, "", "stored"),
        ({JPEG, RLE}, "", "default"),
        ({EXPLICIT, MPEG}, "", "stored"),
        ({IMPLICIT, MPEG}, "", "default"),
        ({JPEG, RLE}, "*", "stored"),
        ({J2K}, "*", "stored"),
        ({J2K}, J2K, "stored"),
        ({J2K}, EXPLICIT, "explicit"),
        ({JPEG}, EXPLICIT, "explicit"),
        ({MPEG}, EXPLICIT, REFUSED),
        ({J2K, RLE}, J2K, REFUSED),
        ({EXPLICIT}, "1.2.3", REFUSED),
    ],
)
def test_instances(stored: set[str], asked: str, form: str) -> None:
    parameter = f"; transfer-syntax={asked}" if asked else ""
    for accept in (
        f'multipart/related; type="application/dicom"{parameter}',
        f"application/dicom{parameter}",
    ):
        assert _chosen(accept, instance_offers(stored, single=True)) == form


@pytest.mark.parametrize(
    ("form", "uid", "expected"),
    [
        ("stored", RLE, False),
        ("explicit", RLE, True),
        ("explicit", EXPLICIT, False),
        ("default", RLE, True),
        ("default", JPEG, False),
        ("default", MPEG, False),
        ("default", IMPLICIT, True),
    ],
)
def test_what_must_be_rewritten(form: str, uid: str, expected: bool) -> None:
    assert converts(form, uid) is expected


@pytest.mark.parametrize(
    ("uid", "accept", "form"),
    [
        (J2K, "*/*", "stored"),
        (J2K, 'multipart/related; type="*/*"', "stored"),
        (J2K, "multipart/related; type=application/octet-stream; transfer-syntax=*", "stored"),
        (J2K, 'multipart/related; type="application/octet-stream"', "native"),
        (J2K, 'multipart/related; type="image/jp2"', "stored"),
        (J2K, 'multipart/related; type="image/*"', "stored"),
        (J2K, 'multipart/related; type="image/jpeg"', REFUSED),
        (J2K, f"application/octet-stream; transfer-syntax={EXPLICIT}", "native"),
        (MPEG, 'multipart/related; type="application/octet-stream"', REFUSED),
        (RLE, 'multipart/related; type="image/x-dicom-rle"', "stored"),
        (JPEG_LOSSLESS, 'multipart/related; type="image/jpeg"', "stored"),
    ],
)
def test_compressed_frames(uid: str, accept: str, form: str) -> None:
    assert _chosen(accept, frame_offers(uid, native=False, single=True)) == form


@pytest.mark.parametrize("syntax", ["", "; transfer-syntax=*", f"; transfer-syntax={EXPLICIT}"])
@pytest.mark.parametrize("uid", [IMPLICIT, EXPLICIT, BIG])
def test_native_frames(uid: str, syntax: str) -> None:
    offers = frame_offers(uid, native=True, single=True)
    assert _chosen(f"application/octet-stream{syntax}", offers) == "native"
    assert _chosen(f"application/octet-stream; transfer-syntax={uid}", offers) == "native"
    assert _chosen(f'multipart/related; type="image/jpeg"{syntax}', offers) == REFUSED


def test_several_frames_are_never_a_single_part() -> None:
    assert _chosen("application/octet-stream", frame_offers(EXPLICIT, native=True, single=False)) == REFUSED


def test_a_document_as_itself_before_octets() -> None:
    offers = bulkdata_offers("application/pdf")
    assert choose("*/*", (), offers).media_type == "application/pdf"
    assert choose("application/octet-stream", (), offers).media_type == "application/octet-stream"
    assert choose("application/octet-stream; transfer-syntax=*", (), offers).multipart is False


def _chosen(accept: str, offers: list) -> str:  # type: ignore[type-arg]
    try:
        return choose(accept, (), offers).name
    except NotAcceptable:
        return REFUSED
