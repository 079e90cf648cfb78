"""The table of transfer syntaxes against pydicom's dictionary and decoders."""

import pytest
from pydicom.uid import UID_dictionary

from app.dicom import transfer_syntaxes
from app.dicom.transfer_syntaxes import DEFAULTS, TRANSFER_SYNTAXES

REGISTERED = {uid: entry for uid, entry in UID_dictionary.items() if entry[1] == "Transfer Syntax"}
#: Younger than pydicom's dictionary, or private.
ELSEWHERE = {
    "1.2.840.10008.1.2.4.110",
    "1.2.840.10008.1.2.4.111",
    "1.2.840.10008.1.2.4.112",
    "1.2.840.10008.1.2.8.1",
    "1.2.840.113619.5.2",
}


def test_every_registered_transfer_syntax_stands_once() -> None:
    uids = [syntax.uid for syntax in TRANSFER_SYNTAXES]
    assert len(uids) == len(set(uids))
    assert set(uids) == set(REGISTERED) | ELSEWHERE


@pytest.mark.parametrize("uid", sorted(REGISTERED))
def test_agrees_with_the_dictionary(uid: str) -> None:
    syntax = transfer_syntaxes.get(uid)
    assert syntax.retired == (REGISTERED[uid][3] == "Retired")
    assert syntax.name.replace("&", "and") == REGISTERED[uid][0]
    assert syntax.little_endian == (uid != "1.2.840.10008.1.2.2")
    assert syntax.explicit == (uid not in ("1.2.840.10008.1.2", "1.2.840.10008.1.20"))


@pytest.mark.parametrize(
    "uid", ["1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.4.95", "1.2.840.10008.1.2.4.205"]
)
def test_deflated(uid: str) -> None:
    assert transfer_syntaxes.get(uid).deflated
    assert sum(syntax.deflated for syntax in TRANSFER_SYNTAXES) == 3


@pytest.mark.parametrize(
    ("uid", "media_type", "lossy"),
    [
        ("1.2.840.10008.1.2.1", "application/octet-stream", False),
        ("1.2.840.10008.1.2.4.50", "image/jpeg", True),
        ("1.2.840.10008.1.2.4.70", "image/jpeg", False),
        ("1.2.840.10008.1.2.4.80", "image/jls", False),
        ("1.2.840.10008.1.2.4.81", "image/jls", True),
        ("1.2.840.10008.1.2.4.90", "image/jp2", False),
        ("1.2.840.10008.1.2.4.93", "image/jpx", True),
        ("1.2.840.10008.1.2.4.201", "image/jphc", False),
        ("1.2.840.10008.1.2.5", "image/dicom-rle", False),
        ("1.2.840.10008.1.2.4.100", "video/mpeg", True),
        ("1.2.840.10008.1.2.4.102.1", "video/mp4", True),
        ("1.2.840.10008.1.2.4.107", "video/H265", True),
    ],
)
def test_media_types(uid: str, media_type: str, lossy: bool) -> None:
    syntax = transfer_syntaxes.get(uid)
    assert (syntax.media_type, syntax.lossy) == (media_type, lossy)
    assert syntax.video == media_type.startswith("video/")


def test_each_media_type_has_its_default() -> None:
    assert {syntax.media_type.lower() for syntax in TRANSFER_SYNTAXES} == set(DEFAULTS)
    for media_type, uid in DEFAULTS.items():
        default = transfer_syntaxes.default(media_type)
        assert default is not None
        assert (default.uid, default.media_type.lower()) == (uid, media_type)
    assert transfer_syntaxes.default("text/plain") is None


def test_an_unknown_transfer_syntax_is_kept_as_it_is() -> None:
    syntax = transfer_syntaxes.get("1.2.3.4")
    assert (syntax.uid, syntax.encapsulated, syntax.explicit, syntax.little_endian) == (
        "1.2.3.4",
        None,
        True,
        True,
    )
    assert syntax.media_type == "application/octet-stream"
    assert not syntax.decodable


def test_big_endian_pixels() -> None:
    assert transfer_syntaxes.get("1.2.840.10008.1.2.2").big_endian_pixels
    assert transfer_syntaxes.get("1.2.840.113619.5.2").big_endian_pixels
    assert not transfer_syntaxes.get("1.2.840.10008.1.2").big_endian_pixels
