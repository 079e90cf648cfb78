"""Content codings, both ways; zlib and zstandard themselves are the judges."""

import gzip
import random
import time
import zlib
from collections.abc import Iterable

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from app.errors import InvalidRequest, NotAcceptable, TooLarge, UnsupportedMediaType
from app.wire.coding import CODINGS, WORTHWHILE, Decoder, choose, encode

BIG = 1 << 20
NOISE = random.Random(0).randbytes(100_000)
GZIP = gzip.compress(b"one", mtime=0)


@pytest.mark.parametrize(
    ("header", "size", "coding"),
    [
        (None, BIG, "identity"),
        ("", BIG, "identity"),
        ("gzip, deflate, br, zstd", BIG, "zstd"),
        ("gzip, deflate, br", BIG, "gzip"),
        ("gzip, deflate", BIG, "gzip"),
        ("GZip", BIG, "gzip"),
        ("x-gzip", BIG, "gzip"),
        ("gzip;q=1.0, zstd;q=0.5", BIG, "gzip"),
        ("zstd;q=0, gzip;q=0.1", BIG, "gzip"),
        ("gzip;q=0", BIG, "identity"),
        ("br", BIG, "identity"),
        ("*", BIG, "zstd"),
        ("*;q=0.1, gzip", BIG, "gzip"),
        ("zstd;q=0, *", BIG, "gzip"),
        ("identity", BIG, "identity"),
        ("identity, gzip;q=0.5", BIG, "identity"),
        ("identity;q=0.5, gzip", BIG, "gzip"),
        ("gzip;q=0.001", BIG, "gzip"),
        ("gzip;q=high, zstd;q=0.2", BIG, "zstd"),
        ("identity;q=0, gzip", 1, "gzip"),
        ("*;q=0, gzip", 1, "gzip"),
        ("gzip, zstd", WORTHWHILE - 1, "identity"),
        ("gzip, zstd", WORTHWHILE, "zstd"),
        (";;;, =, \x00", BIG, "identity"),
    ],
)
def test_choice(header: str | None, size: int, coding: str) -> None:
    assert choose(header, size) == coding


@pytest.mark.parametrize(
    "header", ["identity;q=0", "*;q=0", "br, identity;q=0", "identity;q=0, gzip;q=0, zstd;q=0"]
)
def test_nothing_left_to_choose(header: str) -> None:
    with pytest.raises(NotAcceptable) as refused:
        choose(header, 1)
    assert refused.value.offered == CODINGS


def test_a_header_too_long_is_refused() -> None:
    with pytest.raises(InvalidRequest):
        choose("gzip," * 5000, BIG)


@pytest.mark.parametrize(
    "data", [b"", b"x", NOISE, b"[{}]" * 100_000], ids=["none", "one byte", "noise", "JSON"]
)
def test_what_is_encoded_is_decoded(data: bytes) -> None:
    assert gzip.decompress(encode("gzip", data)) == data
    assert zstandard.ZstdDecompressor().decompress(encode("zstd", data)) == data
    assert encode("identity", data) is data
    assert all(encode(coding, data) == encode(coding, data) for coding in CODINGS)


def decode(coding: str | None, chunks: Iterable[bytes], limit: int = BIG) -> bytes:
    decoder = Decoder(coding, limit)
    decoded = b"".join(piece for chunk in chunks for piece in decoder.feed(chunk))
    decoder.close()
    return decoded


@settings(deadline=None, max_examples=100)
@given(
    st.sampled_from(["gzip", "zstd", "identity"]),
    st.lists(st.binary(max_size=2000), min_size=1, max_size=4),
    st.integers(1, 700),
)
def test_members_follow_one_another_under_every_chunking(
    coding: str, contents: list[bytes], size: int
) -> None:
    body = b"".join(encode(coding, content) for content in contents)
    for step in (1, size, len(body) or 1):
        assert decode(coding, [body[i : i + step] for i in range(0, len(body), step)]) == b"".join(contents)


@pytest.mark.parametrize("coding", [None, "", "identity", " Identity "])
def test_no_coding(coding: str | None) -> None:
    assert decode(coding, [b"one", b"", b"two"]) == b"onetwo"


@pytest.mark.parametrize("coding", ["x-gzip", "GZIP", " gzip "])
def test_names_of_gzip(coding: str) -> None:
    assert decode(coding, [GZIP]) == b"one"


@pytest.mark.parametrize(
    "coding", ["deflate", "br", "compress", "gzip, gzip", "gzip, identity", "rubbish", "\x00"]
)
def test_other_codings_are_refused(coding: str) -> None:
    with pytest.raises(UnsupportedMediaType, match="gzip"):
        Decoder(coding, BIG)


@pytest.mark.parametrize("coding", CODINGS)
def test_a_body_cut_off_is_refused(coding: str) -> None:
    body = encode(coding, NOISE[:3000])
    for cut in (1, 5, 1000, len(body) - 1):
        with pytest.raises(InvalidRequest, match="cut off"):
            decode(coding, [body[:cut]])


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("gzip", b"rubbish"),
        ("gzip", zlib.compress(b"one")),
        ("gzip", GZIP + b"rubbish"),
        ("gzip", GZIP[:-8] + bytes(8)),
        ("zstd", b"rubbish"),
        ("zstd", encode("zstd", b"one") + b"rubbish"),
        ("zstd", GZIP),
    ],
)
def test_a_body_in_another_coding_is_refused(coding: str, body: bytes) -> None:
    for chunks in ([body], [body[i : i + 1] for i in range(len(body))]):
        with pytest.raises(InvalidRequest):
            decode(coding, chunks)


def test_a_zstd_window_beyond_the_web_is_refused() -> None:
    parameters = zstandard.ZstdCompressionParameters.from_level(3, window_log=27)
    writer = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    body = writer.compress(NOISE * 3) + writer.flush()
    with pytest.raises(InvalidRequest):
        decode("zstd", [body])


@pytest.mark.parametrize("coding", ["identity", *CODINGS])
def test_the_limit(coding: str) -> None:
    body = encode(coding, bytes(1000))
    assert decode(coding, [body], limit=1000) == bytes(1000)
    with pytest.raises(TooLarge):
        decode(coding, [body], limit=999)


@pytest.mark.parametrize("coding", CODINGS)
def test_a_bomb_stays_small(coding: str) -> None:
    bomb = encode(coding, bytes(200 << 20))
    sizes: list[int] = []
    with pytest.raises(TooLarge):
        sizes.extend(len(piece) for piece in Decoder(coding, 100 << 20).feed(bomb))
    assert 0 < max(sizes) <= 17 << 20


@pytest.mark.parametrize("coding", CODINGS)
def test_many_small_members_take_linear_time(coding: str) -> None:
    body = encode(coding, b"") * 100_000
    started = time.process_time()
    assert decode(coding, [body]) == b""
    assert time.process_time() - started < 5
