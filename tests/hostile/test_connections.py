"""Slow clients, aborted uploads, heads beyond all bounds: over bare sockets, as an attacker writes them."""

import os
import socket
import struct
import threading
import time

import httpx
import psutil
import pytest

from app.connections import MAX_HEAD_BYTES
from tests.bodies import content_type, multipart
from tests.hostile.live import Live, answered, seconds_until_closed, status
from tests.instances import ct, part10
from tests.live import wait_until

GET = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n"
CLOSE = b"Connection: close\r\n\r\n"


def upload(body: bytes, length: int | None = None) -> bytes:
    """A STOW request; `length` is what Content-Length claims."""
    head = f"POST /dicom-web/studies HTTP/1.1\r\nHost: localhost\r\nContent-Type: {content_type()}\r\n"
    return f"{head}Content-Length: {len(body) if length is None else length}\r\n\r\n".encode() + body


def open_files() -> int:
    """How many descriptors this process, which serves too, has open."""
    return len(os.listdir("/proc/self/fd"))


def served(line: socket.socket) -> bool:
    """Whether the other end, which is this process too, has its end of the connection open."""
    ours = line.getsockname()[1]
    return any(each.raddr and each.raddr.port == ours for each in psutil.Process().net_connections("tcp4"))


def reset(connection: socket.socket) -> None:
    """Leave as a client that is switched off: TCP RST."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def seconds_until_cut(connection: socket.socket, piece: bytes, pause: float = 0) -> float:
    """Send a piece again and again; how long the other side took it. Fails after some 20 s or 40 MB."""
    began = time.monotonic()
    for _ in range(4000):
        try:
            connection.sendall(piece)
        except OSError:
            return time.monotonic() - began
        assert time.monotonic() - began < 20, "never cut off"
        time.sleep(pause)
    raise AssertionError("never cut off")


# Heads.


def test_silence_is_not_waited_for(archive: Live, line: socket.socket) -> None:
    seconds, _ = seconds_until_closed(line)
    assert seconds < 5


@pytest.mark.parametrize("begun", [b"G", GET, b"\r\n", GET + b"X-Slow: "])
def test_slow_loris_is_cut_off(archive: Live, line: socket.socket, begun: bytes) -> None:
    line.sendall(begun)
    seconds, said = seconds_until_closed(line)
    assert seconds < 5
    assert status(said) in (0, 408)


def test_slow_loris_that_drips_is_cut_off(archive: Live, line: socket.socket) -> None:
    line.sendall(GET)
    assert seconds_until_cut(line, b"X: y\r\n", 0.1) < 5


def test_a_hundred_slow_lorises_leave_room_for_others(archive: Live) -> None:
    lines = [archive.connect() for _ in range(100)]
    for each in lines:
        each.sendall(GET)
    assert archive.healthy()
    for each in lines:
        each.close()


@pytest.mark.parametrize(
    "headers",
    [
        b"Accept: " + b"a" * 100_000 + b"\r\n",
        b"".join(b"X-%d: y\r\n" % number for number in range(10_000)),
        b"Accept: a\r\n" * 10_000,
    ],
    ids=["100 kB of Accept", "10,000 headers", "one header 10,000 times"],
)
def test_a_head_too_large_is_431(archive: Live, line: socket.socket, headers: bytes) -> None:
    line.sendall(GET + headers + CLOSE)
    assert status(answered(line)) in (431, 0)
    assert archive.healthy()


def test_a_head_without_end_is_431_while_it_comes(archive: Live, line: socket.socket) -> None:
    assert seconds_until_cut(line, b"G" * 10_000) < 5
    assert archive.healthy()


def test_the_largest_head_is_taken(archive: Live) -> None:
    answer = httpx.get(f"{archive.url}/healthz", headers={"X-Long": "a" * (MAX_HEAD_BYTES - 2000)})
    assert answer.status_code == 200


def test_a_million_frame_numbers_are_414(archive: Live, line: socket.socket) -> None:
    numbers = ",".join(map(str, range(1, 1_000_001)))
    request = (
        f"GET /dicom-web/studies/1/series/2/instances/3/frames/{numbers} HTTP/1.1\r\nHost: localhost\r\n"
    )
    try:
        line.sendall(request.encode() + CLOSE)
    except OSError:
        pass
    else:
        assert status(answered(line)) in (414, 0)
    assert archive.healthy()


@pytest.mark.parametrize(
    ("address", "fields", "expected"), [(66_000, 0, 414), (40_000, 30_000, 414), (30_000, 40_000, 431)]
)
def test_a_head_too_large_says_what_of_it(
    archive: Live, line: socket.socket, address: int, fields: int, expected: int
) -> None:
    head = f"GET /dicom-web/studies?PatientID={'a' * address} HTTP/1.1\r\nHost: localhost\r\n"
    line.sendall(f"{head}X-Long: {'b' * fields}\r\n".encode() + CLOSE)
    assert status(answered(line)) == expected
    assert archive.healthy()


def test_the_longest_address_is_taken(archive: Live) -> None:
    answer = httpx.get(f"{archive.url}/dicom-web/studies", params={"PatientID": "a" * 60_000})
    assert answer.status_code in (204, 400)


@pytest.mark.parametrize(
    "head",
    [
        b"Content-Length: 5\r\nContent-Length: 6\r\n",
        b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        b"Content-Length: -1\r\n",
        b"Content-Length: 99999999999999999999999\r\n",
        b"Transfer-Encoding: chunked, chunked\r\n",
        b"Host: evil.example\r\n",
        b" folded\r\n",
        b"no colon\r\n",
        b"nul: \0\r\n",
    ],
)
def test_conflicting_headers_are_refused(archive: Live, line: socket.socket, head: bytes) -> None:
    line.sendall(b"POST /dicom-web/studies HTTP/1.1\r\nHost: localhost\r\n" + head + CLOSE + b"0\r\n\r\n")
    said = answered(line)
    assert 400 <= status(said) < 500 or not said
    assert said.count(b"HTTP/1.1") <= 1


def test_trailers_are_no_headers_and_end(archive: Live, line: socket.socket) -> None:
    line.sendall(
        b"POST /dicom-web/studies HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/dicom\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n"
    )
    assert seconds_until_cut(line, b"X-Trailer: " + b"y" * 10_000 + b"\r\n") < 5


# Bodies.


def test_a_body_that_stalls_is_408_or_closed(archive: Live, line: socket.socket) -> None:
    before = archive.rows()
    line.sendall(upload(multipart([part10(ct())])[:500], 100_000))
    seconds, said = seconds_until_closed(line)
    assert seconds < 8
    assert status(said) in (408, 0)
    assert archive.rows() == before
    assert not archive.remains().temporary


def test_a_body_that_drips_is_408_or_closed(archive: Live, line: socket.socket) -> None:
    line.sendall(upload(b"", 100_000))
    assert seconds_until_cut(line, b"x", 0.05) < 8


def test_a_slow_but_steady_upload_is_stored(archive: Live) -> None:
    body = multipart([part10(ct(PixelData=bytes(60_000), Rows=100, Columns=300))])

    def dripping() -> object:
        for start in range(0, len(body), 2500):
            time.sleep(0.1)
            yield body[start : start + 2500]

    answer = httpx.post(
        f"{archive.url}/dicom-web/studies",
        content=dripping(),
        headers={"Content-Type": content_type()},  # type: ignore[arg-type]
    )
    assert answer.status_code == 200


@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
def test_an_upload_cut_by_a_reset_stores_nothing(archive: Live, share: float) -> None:
    before = archive.rows()
    body = multipart([part10(ct()), part10(ct(PixelData=bytes(9 << 20), Rows=1, Columns=1))])
    line = archive.connect()
    line.sendall(upload(body)[: int(len(body) * share)])
    reset(line)
    time.sleep(0.3)
    left = archive.remains()
    assert (archive.rows(), left.temporary, left.objects_without_row) == (before, 0, 0)


@pytest.mark.parametrize(
    "end", [b"", b"\r\n--", b"\r\n--0f3cf5c0"], ids=["no end", "two hyphens", "half a boundary"]
)
def test_half_a_multipart_is_400_and_stores_nothing(archive: Live, end: bytes) -> None:
    before = archive.rows()
    body = multipart([part10(ct()), part10(ct())])[:-200] + end
    answer = httpx.post(
        f"{archive.url}/dicom-web/studies", content=body, headers={"Content-Type": content_type()}
    )
    left = archive.remains()
    assert answer.status_code == 400
    assert (archive.rows(), left.temporary, left.objects_without_row) == (before, 0, 0)


# Answers.


def test_a_reader_that_takes_nothing_is_cut_off(archive: Live) -> None:
    dataset = ct(PixelData=bytes(24 << 20), Rows=3072, Columns=4096)
    headers = {"Content-Type": "application/dicom"}
    stored = httpx.post(f"{archive.url}/dicom-web/studies", content=part10(dataset), headers=headers)
    assert stored.status_code == 200
    path = f"/dicom-web/studies/1.2.3/series/1.2.3.4/instances/{dataset.SOPInstanceUID}"
    with socket.socket() as line:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        line.connect(("127.0.0.1", archive.port))
        line.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        for there in (True, False):
            wait_until(lambda there=there: served(line) is there)  # type: ignore[misc]
        line.settimeout(10)
        received = len(answered(line))
    assert received < 20 << 20
    assert archive.healthy()


def test_files_and_what_stands_between_them_arrive_in_order(archive: Live) -> None:
    """By a client that takes little at a time and asks twice before it reads, and by one that leaves."""
    slices = [
        ct("1.2.7", "1.2.7.1", PixelData=bytes([number]) * (2 << 20), Rows=1024, Columns=1024)
        for number in range(1, 6)
    ]
    for each in slices:
        headers = {"Content-Type": "application/dicom"}
        stored = httpx.post(f"{archive.url}/dicom-web/studies", content=part10(each), headers=headers)
        assert stored.status_code == 200
    whole = httpx.get(f"{archive.url}/dicom-web/studies/1.2.7").content
    assert all(part10(each) in whole for each in slices)
    ask = f"GET /dicom-web/studies/1.2.7 HTTP/1.1\r\nHost: 127.0.0.1:{archive.port}\r\n".encode()
    before = open_files()
    with socket.socket() as line, archive.connect() as leaving:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        line.settimeout(20)
        line.connect(("127.0.0.1", archive.port))
        line.sendall(ask + b"\r\n" + ask + CLOSE)
        leaving.sendall(ask + b"\r\n")
        assert leaving.recv(1000)
        reset(leaving)
        time.sleep(0.2)
        said = answered(line)
    heads = said.split(whole)
    assert [status(each) for each in heads] == [200, 200, 0]
    assert heads[2] == b""
    wait_until(lambda: open_files() <= before, 5)


def test_pipelined_noise_does_not_stand_in_an_answer(archive: Live, line: socket.socket) -> None:
    line.sendall(GET + b"\r\n" + b"\x16\x03\x01 noise\r\n\r\n")
    said = answered(line)
    assert said.count(b"HTTP/1.1 200") <= 1
    assert said.count(b"HTTP/1.1") <= 2


def test_uploads_race_for_one_uid(archive: Live) -> None:
    """One of several contents under one UID is stored; whoever sent another is told."""
    uid = "2.25.4711"
    bodies = [part10(ct(instance=uid, PatientComments=f"take {number}")) for number in range(8)]
    answers: list[int] = []

    def send(body: bytes) -> None:
        headers = {"Content-Type": "application/dicom"}
        answers.append(
            httpx.post(f"{archive.url}/dicom-web/studies", content=body, headers=headers).status_code
        )

    threads = [threading.Thread(target=send, args=(body,)) for body in bodies * 2]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    left = archive.remains()
    assert sorted(set(answers)) == [200, 409]
    assert answers.count(200) == 2
    assert (left.rows_without_object, left.objects_without_row, left.miscounted, left.temporary) == (
        0,
        0,
        0,
        0,
    )
