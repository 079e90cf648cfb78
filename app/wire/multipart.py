"""Reading multipart/related bodies as they arrive (RFC 2046 section 5.1, RFC 2387).

Real clients send more than the grammar, and the reader takes it: text or a CRLF before the first boundary, no
CRLF after the last, blanks after a boundary, parts without headers or without a body, folded header lines. A
line that only begins with the boundary belongs to the part's data. Lines end in CRLF: a body that uses bare
line feeds is refused, because a line feed may as well be a byte of the data.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from app.errors import MalformedMultipart

MAX_BOUNDARY = 200
MAX_HEADERS = 16 * 1024
MAX_HEADER_LINES = 100

#: What makes a delimiter of `CRLF--boundary`: the second hyphens of the last one, or the end of its line.
_TAIL = re.compile(rb"(--)|[ \t]{0,256}\r\n")
#: A beginning of such a tail, cut off by the end of the chunk.
_CUT_TAIL = re.compile(rb"-?|[ \t]{0,256}\r?")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_FOLD = re.compile(r"\r\n[ \t]+")


@dataclass(frozen=True, slots=True)
class PartBegin:
    """A part begins. Header names are in lower case; of a repeated header the first stands."""

    headers: dict[str, str]


@dataclass(frozen=True, slots=True)
class Data:
    """Bytes of the part: a view of the chunk that was fed, never empty, not copied."""

    chunk: memoryview


@dataclass(frozen=True, slots=True)
class PartEnd:
    """The part is complete: its closing boundary was read."""


@dataclass(frozen=True, slots=True)
class End:
    """The last boundary was read. Whatever follows is ignored."""


Event = PartBegin | Data | PartEnd | End


class _State(Enum):
    PREAMBLE = "before the first boundary"
    HEADERS = "in the headers of a part"
    BODY = "in a part"
    CLOSED = "at the last boundary"
    EPILOGUE = "after the last boundary"


class Reader:
    """A push parser: feed it chunks of any size, take events, close it.

    Between chunks it keeps no more than a boundary line, or the headers of one part (16 kB at most).
    """

    def __init__(self, boundary: str | None) -> None:
        """`boundary` is the parameter of Content-Type. Raises MalformedMultipart when it cannot be one."""
        self._delimiter = b"\r\n--" + _boundary(boundary)
        self._state = _State.PREAMBLE
        # The first boundary may open the body: as if a line had ended before it.
        self._data = b"\r\n"
        self._at = 0
        # The blank line after the headers may also be the CRLF of a delimiter: the part is empty.
        self._blank = 0

    def feed(self, chunk: bytes) -> Iterator[Event]:
        """The events that this chunk completes. Exhaust the iterator before feeding the next chunk.

        Raises MalformedMultipart, after the events of what was still sound.
        """
        self._data = self._data + chunk if self._data else chunk
        while (event := self._next()) is not None:
            yield event
        self._data, self._at = self._data[self._at :], 0

    def close(self) -> None:
        """Say that the body is over. Raises MalformedMultipart when its last boundary was not seen."""
        if self._state is _State.PREAMBLE:
            raise MalformedMultipart(
                "The boundary that Content-Type names was not found on a line of its own, ended by CRLF."
            )
        if self._state is not _State.EPILOGUE:
            raise MalformedMultipart(f"The body ends {self._state.value}: its last boundary is missing.")

    def _next(self) -> Event | None:
        """The next event, or None when it takes more data to tell."""
        if self._state is _State.PREAMBLE:
            self._preamble()
        if self._state is _State.HEADERS:
            return self._headers()
        if self._state is _State.BODY:
            return self._body()
        if self._state is _State.CLOSED:
            self._state = _State.EPILOGUE
            return End()
        if self._state is _State.EPILOGUE:
            self._epilogue()
        return None

    def _preamble(self) -> None:
        self._at, tail = self._delimiter_from(self._at)
        if tail is None:
            return
        if tail[1]:
            raise MalformedMultipart("The body has no parts.")
        self._enter_headers(tail)

    def _enter_headers(self, tail: re.Match[bytes]) -> None:
        """Stand on the CRLF that ends the boundary line: no headers at all is an empty line after it."""
        self._at = tail.end() - 2
        self._state = _State.HEADERS

    def _headers(self) -> Event | None:
        end = self._data.find(b"\r\n\r\n", self._at, self._at + MAX_HEADERS)
        if end < 0:
            if len(self._data) - self._at >= MAX_HEADERS:
                raise MalformedMultipart(f"The headers of a part are longer than {MAX_HEADERS} bytes.")
            return None
        headers = _parse_headers(self._data[self._at + 2 : end])
        self._at, self._blank = end + 2, 2
        self._state = _State.BODY
        return PartBegin(headers)

    def _body(self) -> Event | None:
        end, tail = self._delimiter_from(self._at)
        if end > self._at:
            start, self._at, self._blank = self._at + self._blank, end, 0
            if end > start:
                return Data(memoryview(self._data)[start:end])
        if tail is None:
            return None
        if tail[1]:
            self._at, self._state = tail.end(), _State.CLOSED
        else:
            self._enter_headers(tail)
        return PartEnd()

    def _epilogue(self) -> None:
        """A part after the last boundary means that the data held the boundary: better refused than lost."""
        self._at, tail = self._delimiter_from(self._at)
        while tail is not None:
            if not tail[1]:
                raise MalformedMultipart("A part follows after the last boundary.")
            self._at, tail = self._delimiter_from(tail.end())

    def _delimiter_from(self, start: int) -> tuple[int, re.Match[bytes] | None]:
        """Where the next delimiter begins, and its tail.

        Without a tail: where a delimiter may begin that the next chunk completes, else the end of the data.
        """
        data, delimiter = self._data, self._delimiter
        found = data.find(delimiter, start)
        while found >= 0:
            after = found + len(delimiter)
            if tail := _TAIL.match(data, after):
                return found, tail
            if _CUT_TAIL.fullmatch(data, after):
                return found, None
            found = data.find(delimiter, after)
        # A boundary holds no CR, so only the last CR can begin a delimiter that is cut off.
        last = data.rfind(b"\r", max(start, len(data) - len(delimiter) + 1))
        return (last if last >= 0 and delimiter.startswith(data[last:]) else len(data)), None


def _boundary(text: str | None) -> bytes:
    # RFC 2046: a boundary does not end in a blank; blanks after it are padding.
    text = (text or "").rstrip(" ")
    if not text:
        raise MalformedMultipart("Content-Type names no boundary.")
    if len(text) > MAX_BOUNDARY or _CONTROL.search(text) or not text.isascii():
        raise MalformedMultipart(f"The boundary must be at most {MAX_BOUNDARY} printable ASCII characters.")
    return text.encode("ascii")


def _parse_headers(block: bytes) -> dict[str, str]:
    """The headers of a part. Raises MalformedMultipart for a line that is none."""
    headers: dict[str, str] = {}
    text = _FOLD.sub(" ", block.decode("latin-1"))
    lines = text.split("\r\n") if text else []
    if len(lines) > MAX_HEADER_LINES:
        raise MalformedMultipart(f"A part has more than {MAX_HEADER_LINES} header lines.")
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or not name.strip() or _CONTROL.search(line):
            raise MalformedMultipart("A header line of a part cannot be understood.")
        headers.setdefault(name.strip().lower(), value.strip())
    return headers
