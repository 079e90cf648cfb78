"""Content codings: which to send, and reading those that arrive (RFC 9110 sections 8.4 and 12.5.3, RFC 9659).

`deflate` is not taken: some of its senders mean zlib, others raw deflate.
"""

import gzip
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import zstandard

from app.errors import InvalidRequest, NotAcceptable, TooLarge, UnsupportedMediaType
from app.wire.fields import members, parameters, weight

IDENTITY = "identity"
#: What can be sent, in the order this archive prefers.
CODINGS = ("zstd", "gzip")
_ALIASES = {"x-gzip": "gzip"}
#: What a coded body may always become, and how many times what has arrived of it beyond that.
EXPANDS_TO = 256 << 20
EXPANDS_BY = 128
#: A body below this many bytes fits one packet: compressing it gains nothing.
WORTHWHILE = 1024
#: Of what is decoded piece by piece, in bytes: longer ones need new memory each time, which costs more.
PIECE = 256 << 10
#: RFC 9659: no zstd frame on the web needs a larger window.
_ZSTD_WINDOW = 8 << 20


@dataclass(frozen=True, slots=True)
class Coded:
    """A body in a coding, and its size in bytes without it."""

    data: bytes
    size: int

    def __len__(self) -> int:
        """The bytes that it takes to keep it."""
        return len(self.data)


def choose(accept_encoding: str | None, size: int, codings: Sequence[str] = CODINGS) -> str:
    """The coding for an answer of `size` bytes: one of `codings`, or `identity`.

    Raises NotAcceptable when the client refuses identity and names no coding that is known here.
    """
    weights = _weights(accept_encoding or "")
    anything = weights.get("*")
    # Identity needs no mention to be acceptable, but whatever is mentioned goes before it.
    identity = weights.get(IDENTITY, 0.0001 if anything is None else anything)
    if identity and size < WORTHWHILE:
        return IDENTITY
    rated = [(weights.get(coding, anything or 0.0), coding) for coding in codings]
    best, coding = max([*rated, (identity, IDENTITY)], key=lambda pair: pair[0])
    if not best:
        raise NotAcceptable(
            f"Accept-Encoding must allow one of: {', '.join(codings)}, {IDENTITY}.", tuple(codings)
        )
    return coding


def encode(coding: str, data: bytes) -> bytes:
    """`data` in a coding that `choose` gave, the same bytes every time."""
    if coding == "zstd":
        return zstandard.ZstdCompressor(3).compress(data)
    return gzip.compress(data, 1, mtime=0) if coding == "gzip" else data


def decoded_zstd(data: bytes) -> Iterator[bytes]:
    """What `encode` or an `Encoder` made `data` of, in zstd, in pieces of `PIECE` bytes at most."""
    reader = zstandard.ZstdDecompressor().stream_reader(data)
    while piece := reader.read(PIECE):
        yield piece


class Encoder:
    """A coding that `choose` gave, for a body that is made piece by piece."""

    def __init__(self, coding: str) -> None:
        self._stream = _COMPRESSORS[coding]() if coding in _COMPRESSORS else None

    def feed(self, data: bytes) -> bytes:
        """What of the coded body is ready, perhaps nothing yet."""
        return self._stream.compress(data) if self._stream else data

    def close(self) -> bytes:
        """The rest of it."""
        return self._stream.flush() if self._stream else b""


class _Compressor(Protocol):
    """What zlib's and zstandard's compression objects have in common."""

    def compress(self, data: bytes, /) -> bytes: ...

    def flush(self) -> bytes: ...


_COMPRESSORS: dict[str, Callable[[], _Compressor]] = {
    "gzip": lambda: zlib.compressobj(1, zlib.DEFLATED, 31),
    "zstd": lambda: zstandard.ZstdCompressor(3).compressobj(),
}


class Decoder:
    """Takes the content coding off a request body as it arrives."""

    def __init__(self, coding: str | None, limit: int) -> None:
        """`coding` is the Content-Encoding header, `limit` the most bytes that may come out.

        Raises UnsupportedMediaType for a coding that is not taken, and for several on top of each other.
        """
        name = (coding or IDENTITY).strip().lower()
        name = _ALIASES.get(name, name)
        if name not in (*_OPENERS, IDENTITY):
            raise UnsupportedMediaType(f"Content-Encoding must be one of: {', '.join(CODINGS)}, {IDENTITY}.")
        self._slice, open_context = _OPENERS.get(name, (0, None))
        self._open = open_context() if open_context else None
        self._stream: _Stream | None = None
        self._left = limit
        self._plausible = EXPANDS_TO

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """The decoded bytes of this chunk, at most some 16 MB at a time. Exhaust it before feeding the next.

        Raises TooLarge once more came out than the limit, or than is in proportion to what went in;
        InvalidRequest when the body is not in its coding.
        """
        self._plausible += EXPANDS_BY * len(chunk)
        for piece in self._decode(chunk):
            self._left -= len(piece)
            self._plausible -= len(piece)
            if self._left < 0:
                raise TooLarge()
            if self._plausible < 0:
                raise TooLarge("The compressed body expands out of all proportion: send it uncompressed.")
            if piece:
                yield piece

    def close(self) -> None:
        """Say that the body is over. Raises InvalidRequest when it was cut off."""
        if self._stream is not None:
            raise InvalidRequest("The compressed body is cut off.")

    def _decode(self, chunk: bytes) -> Iterator[bytes]:
        if self._open is None:
            yield chunk
            return
        for start in range(0, len(chunk), self._slice):
            yield from self._inflate(chunk[start : start + self._slice], self._open)

    def _inflate(self, rest: bytes, open_stream: "_Open") -> Iterator[bytes]:
        """A body may be several gzip members or zstd frames one after another."""
        while rest:
            stream = self._stream or open_stream()
            try:
                decoded = stream.decompress(rest)
            except (zlib.error, zstandard.ZstdError):
                raise InvalidRequest("The body is not in the coding that Content-Encoding names.") from None
            self._stream, rest = (None, stream.unused_data) if stream.eof else (stream, b"")
            yield decoded


class _Stream(Protocol):
    """What zlib's and zstandard's decompression objects have in common."""

    @property
    def eof(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, data: bytes, /) -> bytes: ...


_Open = Callable[[], _Stream]


def _gzip() -> _Open:
    return lambda: zlib.decompressobj(wbits=31)


def _zstd() -> _Open:
    """One context serves all frames of a body: making it costs more than decoding a small frame."""
    return zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW).decompressobj


#: How to read each coding, and in slices of how many bytes, so that none decodes to more than some 16 MB:
#: gzip makes at most 1032 bytes of one, zstd at most 128 kB of four.
_OPENERS: dict[str, tuple[int, Callable[[], _Open]]] = {"gzip": (16 * 1024, _gzip), "zstd": (512, _zstd)}


def _weights(accept_encoding: str) -> dict[str, float]:
    found = {}
    for member in members(accept_encoding):
        name = member.partition(";")[0].strip().lower()
        quality = weight(parameters(member, member.find(";")) or ()) if ";" in member else 1.0
        if quality is not None:
            found[_ALIASES.get(name, name)] = quality
    return found
