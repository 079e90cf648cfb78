"""The multipart reader: one list of bodies, replayed under every chunking, with foreign writers as judges."""

import re
import time
import tracemalloc
from collections.abc import Iterable
from email.mime.application import MIMEApplication
from email.mime.multipart import MIMEMultipart
from email.parser import BytesParser
from email.policy import SMTP

import httpx
import pytest
import urllib3
from dicomweb_client.web import DICOMwebClient
from hypothesis import given, settings
from hypothesis import strategies as st

from app.errors import MalformedMultipart
from app.wire.media_types import parse
from app.wire.multipart import MAX_HEADERS, Data, End, PartBegin, PartEnd, Reader
from app.wire.multipart_out import closing, part_header

Found = list[tuple[dict[str, str], bytes]]


def read(chunks: Iterable[bytes], boundary: str | None = "b") -> tuple[Found, str]:
    """The complete parts, and how the reading ended: "" or the detail of the error."""
    parts: Found = []
    body, headers, ended = b"", {}, False
    reader = Reader(boundary)
    try:
        for chunk in chunks:
            for event in reader.feed(chunk):
                assert not ended, "nothing comes after End"
                if isinstance(event, PartBegin):
                    body, headers = b"", event.headers
                elif isinstance(event, Data):
                    assert len(event.chunk) > 0
                    body += event.chunk
                elif isinstance(event, PartEnd):
                    parts.append((headers, body))
                else:
                    assert event == End()
                    ended = True
        reader.close()
    except MalformedMultipart as error:
        return parts, error.detail
    assert ended
    return parts, ""


def pieces(body: bytes, size: int) -> list[bytes]:
    return [body[i : i + size] for i in range(0, len(body), size)]


def replay(body: bytes, boundary: str = "b") -> tuple[Found, str]:
    """Read whole, by single bytes, by twos and sevens, and cut in two everywhere: always the same."""
    whole = read([body], boundary)
    cuts = range(len(body)) if len(body) < 1000 else range(0, len(body), 97)
    assert all(read(pieces(body, size), boundary) == whole for size in (1, 2, 7))
    assert all(read([body[:cut], b"", body[cut:]], boundary) == whole for cut in cuts)
    return whole


DICOM = {"content-type": "application/dicom"}
HEAD = b"--b\r\nContent-Type: application/dicom\r\n\r\n"

SOUND = {
    "plain": (HEAD + b"one\r\n--b--\r\n", [(DICOM, b"one")]),
    "no CRLF after the last boundary": (HEAD + b"one\r\n--b--", [(DICOM, b"one")]),
    "leading CRLF": (b"\r\n" + HEAD + b"one\r\n--b--\r\n", [(DICOM, b"one")]),
    "several leading CRLF": (b"\r\n\r\n\r\n" + HEAD + b"one\r\n--b--\r\n", [(DICOM, b"one")]),
    "preamble": (b"A multipart body --b follows.\r\n" + HEAD + b"one\r\n--b--\r\n", [(DICOM, b"one")]),
    "preamble of boundary-like text": (
        b"--bb\r\n--b-x\r\nx--b\r\n" + HEAD + b"one\r\n--b--",
        [(DICOM, b"one")],
    ),
    "epilogue": (HEAD + b"one\r\n--b--\r\nthat was all\r\n--c\r\n\r\n", [(DICOM, b"one")]),
    "closed twice": (HEAD + b"one\r\n--b--\r\n--b--\r\n", [(DICOM, b"one")]),
    "LF after the last boundary": (HEAD + b"one\r\n--b--\n", [(DICOM, b"one")]),
    "padding after boundaries": (
        b"--b \t \r\nContent-Type: application/dicom\r\n\r\none\r\n--b\t\r\n\r\ntwo\r\n--b--  \r\n",
        [(DICOM, b"one"), ({}, b"two")],
    ),
    "two parts": (HEAD + b"one\r\n" + HEAD + b"two\r\n--b--", [(DICOM, b"one"), (DICOM, b"two")]),
    "lower-case header names": (
        b"--b\r\ncontent-type:application/dicom\r\n\r\none\r\n--b--",
        [(DICOM, b"one")],
    ),
    "blanks around header values": (
        b"--b\r\nCONTENT-TYPE : \t application/dicom \t\r\n\r\none\r\n--b--",
        [(DICOM, b"one")],
    ),
    "several headers": (
        b"--b\r\nMIME-Version: 1.0\r\nContent-Location: http://x/y:z\r\nX: 3\r\n\r\none\r\n--b--",
        [({"mime-version": "1.0", "content-location": "http://x/y:z", "x": "3"}, b"one")],
    ),
    "a folded header": (
        b'--b\r\nContent-Type: image/jls;\r\n transfer-syntax="1.2"\r\n\r\none\r\n--b--',
        [({"content-type": 'image/jls; transfer-syntax="1.2"'}, b"one")],
    ),
    "a header twice: the first stands": (b"--b\r\nX: 1\r\nx: 2\r\n\r\n\r\n--b--", [({"x": "1"}, b"")]),
    "a blank before a header": (b"--b\r\n X: y\r\n\r\none\r\n--b--", [({"x": "y"}, b"one")]),
    "an empty header value": (b"--b\r\nX:\r\n\r\n\r\n--b--", [({"x": ""}, b"")]),
    "a header beyond ASCII": (b"--b\r\nX: \xe9\r\n\r\n\r\n--b--", [({"x": "\xe9"}, b"")]),
    "no headers": (b"--b\r\n\r\none\r\n--b--", [({}, b"one")]),
    "empty part": (HEAD + b"\r\n--b--", [(DICOM, b"")]),
    "empty part without its own line": (HEAD + b"--b--", [(DICOM, b"")]),
    "empty parts without anything": (
        b"--b\r\n\r\n--b\r\n\r\n\r\n--b\r\n\r\n--b--",
        [({}, b""), ({}, b""), ({}, b"")],
    ),
    "a part of one CRLF": (b"--b\r\n\r\n\r\n\r\n--b--", [({}, b"\r\n")]),
    "parts that end in line ends": (
        b"--b\r\n\r\none\r\n\r\n--b\r\n\r\ntwo\r\r\n--b\r\n\r\nthree\n\r\n--b--",
        [({}, b"one\r\n"), ({}, b"two\r"), ({}, b"three\n")],
    ),
    "parts that begin with line ends": (
        b"--b\r\n\r\n\r\none\r\n--b\r\n\r\n\ntwo\r\n--b--",
        [({}, b"\r\none"), ({}, b"\ntwo")],
    ),
    "boundary-like text in a part": (
        b"--b\r\n\r\n--b in text\r\n--bb\r\n--b -\r\n--b\n--b-\r--b--\n--b--\r\r\n--b--",
        [({}, b"--b in text\r\n--bb\r\n--b -\r\n--b\n--b-\r--b--\n--b--\r")],
    ),
    "header-like text in a part": (
        b"--b\r\n\r\nX: y\r\n\r\nz\r\n\r\n\r\n--b--",
        [({}, b"X: y\r\n\r\nz\r\n\r\n")],
    ),
}


@pytest.mark.parametrize(("body", "parts"), SOUND.values(), ids=SOUND)
def test_reads_what_clients_send(body: bytes, parts: Found) -> None:
    assert replay(body) == (parts, "")


@pytest.mark.parametrize(
    "boundary",
    ["b", "-", "--", "----=_Part 1_2.3", "a=b:c/d?e,f'()+_,-./", "0f91f8e3a1", "x" * 200, "b--"],
)
def test_odd_boundaries(boundary: str) -> None:
    line = boundary.encode()
    body = b"--" + line + b"\r\n\r\n\r\n--\r\n-\r\n--" + line[:-1] + b"\r\n--" + line + b"--\r\n"
    assert replay(body, boundary) == ([({}, b"\r\n--\r\n-\r\n--" + line[:-1])], "")


def test_the_boundary_comes_from_content_type_quoted_or_not() -> None:
    for text in ('multipart/related; boundary="a;b,c"; type=x/y', "multipart/related;boundary=a,b"):
        boundary = parse(text).get("boundary")
        assert boundary is not None
        assert read([f"--{boundary}\r\n\r\none\r\n--{boundary}--".encode()], boundary) == ([({}, b"one")], "")


@pytest.mark.parametrize("boundary", [None, "", "  ", "x" * 201, "a\r\nb", "a\nb", "a\x00", "é", "漢"])
def test_what_cannot_be_a_boundary_is_refused(boundary: str | None) -> None:
    with pytest.raises(MalformedMultipart):
        Reader(boundary)


MALFORMED = {
    "empty": (b"", 0, "not found"),
    "only a line end": (b"\r\n", 0, "not found"),
    "no boundary": (b"\x00" * 200 + b"DICM", 0, "not found"),
    "another boundary": (b"--c\r\n\r\none\r\n--c--", 0, "not found"),
    "boundary not on its own line": (b"x--b\r\n\r\none\r\n--c--", 0, "not found"),
    "line feeds only": (b"--b\nContent-Type: application/dicom\n\none\n--b--\n", 0, "not found"),
    "carriage returns only": (b"--b\rContent-Type: application/dicom\r\rone\r--b--\r", 0, "not found"),
    "line feeds between headers": (b"--b\r\nX: 1\nY: 2\r\n\r\none\r\n--b--", 0, "cannot be understood"),
    "no parts": (b"--b--\r\n", 0, "no parts"),
    "no parts after a preamble": (b"hello\r\n--b--", 0, "no parts"),
    "ends at the first boundary": (b"--b\r\n", 0, "in the headers"),
    "ends in the headers": (b"--b\r\nContent-Type: x", 0, "in the headers"),
    "ends after the headers": (HEAD, 0, "in a part"),
    "ends in a part": (HEAD + b"one", 0, "in a part"),
    "ends before the last hyphen": (HEAD + b"one\r\n--b-", 0, "in a part"),
    "ends after a part": (HEAD + b"one\r\n--b\r\n", 1, "in the headers"),
    "a header without a colon": (b"--b\r\nrubbish\r\n\r\none\r\n--b--", 0, "cannot be understood"),
    "a header without a name": (b"--b\r\n: x\r\n\r\none\r\n--b--", 0, "cannot be understood"),
    "NUL in a header": (b"--b\r\nX: \x00\r\n\r\none\r\n--b--", 0, "cannot be understood"),
    "boundary where headers should be": (b"--b\r\n--b\r\n\r\none\r\n--b--", 0, "cannot be understood"),
    "too many headers": (
        b"--b\r\n" + b"".join(b"X%d: y\r\n" % i for i in range(101)) + b"\r\none\r\n--b--",
        0,
        "header lines",
    ),
    "a part after the last boundary": (
        HEAD + b"one\r\n--b--\r\n" + HEAD + b"two\r\n--b--",
        1,
        "follows after",
    ),
}


@pytest.mark.parametrize(("body", "complete", "why"), MALFORMED.values(), ids=MALFORMED)
def test_refuses_what_is_malformed(body: bytes, complete: int, why: str) -> None:
    parts, detail = replay(body)
    assert len(parts) == complete
    assert why in detail


def test_headers_end_within_their_limit() -> None:
    fits = b"--b\r\nX: " + b"y" * (MAX_HEADERS - 9) + b"\r\n\r\none\r\n--b--"
    assert read([fits])[1] == read(pieces(fits, 1))[1] == ""
    beyond = fits.replace(b"X:", b"XX:")
    assert "longer than" in read([beyond])[1]
    assert read([beyond]) == read(pieces(beyond, 1))
    assert "longer than" in read([b"--b\r\n" + b"y" * 100_000])[1]


@st.composite
def messages(draw: st.DrawFn) -> tuple[str, list[tuple[str, bytes]], bytes]:
    """A boundary, the parts, and the body that holds them: data full of line ends and near-boundaries."""
    boundary = draw(st.from_regex(r"[A-Za-z0-9'()+_,./:=?-]{1,20}", fullmatch=True))
    line = b"\r\n--" + boundary.encode()
    near = [line[:n] for n in range(1, len(line) + 1)] + [line + b"-", line + b" x", line + b"\n", line[2:]]
    fragment = st.one_of(st.binary(max_size=30), st.sampled_from([b"\r\n", b"\r", b"\n", b"--", b"-", *near]))
    delimiter = re.compile(re.escape(line) + rb"(?:--|[ \t]{0,256}\r\n)")
    content = (
        st.lists(fragment, max_size=12)
        .map(b"".join)
        .filter(lambda data: not delimiter.search(b"\r\n" + data + b"\r\n"))
    )
    parts = draw(
        st.lists(
            st.tuples(st.sampled_from(["application/dicom", "image/jls"]), content), min_size=1, max_size=4
        )
    )
    body = b"".join(part_header(boundary, kind, first=i == 0) + data for i, (kind, data) in enumerate(parts))
    preamble = draw(st.sampled_from([b"", b"\r\n", b"preamble\r\n", b"\r\n\r\n"]))
    return boundary, parts, preamble + body + closing(boundary)[: draw(st.sampled_from([-2, -1, 100]))]


@settings(deadline=None, max_examples=300)
@given(messages(), st.data())
def test_what_was_written_is_read_under_every_chunking(
    message: tuple[str, list[tuple[str, bytes]], bytes], data: st.DataObject
) -> None:
    boundary, parts, body = message
    expected = ([({"content-type": kind}, content) for kind, content in parts], "")
    cuts = sorted(data.draw(st.lists(st.integers(0, len(body)), max_size=10)))
    split = [body[a:b] for a, b in zip([0, *cuts], [*cuts, len(body)], strict=True)]
    for chunks in ([body], pieces(body, 1), split):
        assert read(chunks, boundary) == expected


@settings(deadline=None, max_examples=100)
@given(messages(), st.data())
def test_a_cut_part_never_ends(
    message: tuple[str, list[tuple[str, bytes]], bytes], data: st.DataObject
) -> None:
    boundary, parts, body = message
    end = body.rindex(b"--") + 2
    cut = data.draw(st.integers(0, end - 1))
    for chunks in ([body[:cut]], pieces(body[:cut], 1)):
        found, detail = read(chunks, boundary)
        assert detail
        assert [content for _, content in found] == [content for _, content in parts[: len(found)]]


@settings(deadline=None, max_examples=300)
@given(st.lists(st.one_of(st.binary(max_size=20), st.sampled_from([b"\r\n", b"--b", b"--", b"X: y", b" "]))))
def test_rubbish_raises_nothing_but_malformed_multipart(fragments: list[bytes]) -> None:
    assert read(fragments) == read([b"".join(fragments)])


# foreign judges


CONTENTS = [b"", b"\r\n", b"DICM\x00\xff" * 50, b"ends\r\n", b"--\r\n--x", bytes(range(256)) * 9]


def test_reads_dicomweb_client() -> None:
    content_type = (
        'multipart/related; type="application/dicom"; boundary="0f3cf5c0-70e0-41ef-baef-c6f9f65ec3e1"'
    )
    body = DICOMwebClient._encode_multipart_message(CONTENTS, content_type)
    boundary = parse(content_type).get("boundary")
    assert boundary is not None
    assert replay(body, boundary) == ([(DICOM, content) for content in CONTENTS], "")


def test_reads_urllib3_and_httpx() -> None:
    fields = [(f"f{i}", (f"{i}.dcm", content, "application/dicom")) for i, content in enumerate(CONTENTS)]
    for body, content_type in (
        urllib3.encode_multipart_formdata(fields),
        _httpx(fields),
    ):
        parts, error = replay(body, parse(content_type).get("boundary") or "")
        assert not error
        assert [(headers["content-type"], data) for headers, data in parts] == [
            ("application/dicom", content) for content in CONTENTS
        ]


def _httpx(files: list[tuple[str, tuple[str, bytes, str]]]) -> tuple[bytes, str]:
    request = httpx.Request("POST", "http://localhost", files=files)
    return request.read(), request.headers["Content-Type"]


def test_reads_what_the_standard_library_writes() -> None:
    message = MIMEMultipart("related", boundary="=_a b", type="application/dicom")
    for content in CONTENTS:
        message.attach(MIMEApplication(content, "dicom"))
    text = message.as_bytes(policy=SMTP)
    header, _, body = text.partition(b"\r\n\r\n")
    assert b"multipart/related" in header
    parts, error = replay(body, "=_a b")
    assert not error
    judged = BytesParser(policy=SMTP).parsebytes(text).get_payload()
    assert [data.decode() for _, data in parts] == [part.get_payload() for part in judged]


text_lines = st.lists(
    st.sampled_from(["\r\n", "--", "b", "-", " ", "x: y", "--bb", "é"[:0], "z"]), max_size=10
)


@settings(deadline=None, max_examples=150)
@given(st.lists(text_lines.map("".join), min_size=1, max_size=3))
def test_agrees_with_the_standard_library(contents: list[str]) -> None:
    body = (
        "".join(f"\r\n--b\r\nX-N: {i}\r\n\r\n{content}" for i, content in enumerate(contents))
        + "\r\n--b--\r\n"
    )
    if any(re.search(r"\r\n--b(--|[ \t]*\r\n)", f"\r\n{content}\r\n") for content in contents):
        return
    judged = BytesParser(policy=SMTP).parsebytes(
        b"Content-Type: multipart/related; boundary=b\r\n" + body.encode()
    )
    ours, error = read([body.encode()])
    assert not error
    assert [data.decode() for _, data in ours] == [part.get_payload() for part in judged.get_payload()]


# time and memory


def test_big_chunks_are_not_copied() -> None:
    chunk = bytes(8 << 20)
    reader = Reader("b")
    list(reader.feed(HEAD))
    list(reader.feed(b"x"))
    tracemalloc.start()
    for _ in range(10):
        (event,) = reader.feed(chunk)
        assert isinstance(event, Data)
        assert event.chunk.obj is chunk
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 100_000


@pytest.mark.parametrize(
    "filler",
    [b"\r\n--", b"\r\n--b .", b"\r", b"\r\n--bx", b"\r\n--b-.", b"\r\n--b" + b" " * 300, b"\r\n--b\r\r"],
)
@pytest.mark.parametrize(("size", "total"), [(1, 200_000), (4096, 4_000_000)])
def test_hostile_data_take_linear_time(filler: bytes, size: int, total: int) -> None:
    content = filler * (total // len(filler))
    reader, read_bytes = Reader("b"), 0
    started = time.process_time()
    for chunk in pieces(HEAD + content + b"\r\n--b--", size):
        read_bytes += sum(len(event.chunk) for event in reader.feed(chunk) if isinstance(event, Data))
    reader.close()
    assert read_bytes == len(content)
    assert time.process_time() - started < 5
