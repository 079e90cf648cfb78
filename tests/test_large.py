"""Memory stays bounded whatever the size of an instance."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil

from tests.instances import ct, part10
from tests.live import Process

STUDIES = "/dicom-web/studies"
FRAME = 8 << 20
#: Together beyond the 32 bits of a length or of a basic offset.
FRAMES = 520
LIMIT = 300 << 20
SEQUENCE_END = b"\xfe\xff\xdd\xe0" + bytes(4)


def test_a_4_gib_instance_takes_less_than_300_mib(tmp_path: Path) -> None:
    server = Process(tmp_path)
    server.start()
    try:
        with _Watch(server.pid) as watch, httpx.Client(base_url=server.url, timeout=300) as client:
            head, dataset = _header()
            answer = client.post(STUDIES, content=_body(head), headers={"content-type": "application/dicom"})
            assert answer.status_code == 200, answer.text
            instance = f"{STUDIES}/1.2.3/series/1.2.3.4/instances/{dataset}"
            octets = {"accept": "application/octet-stream; transfer-syntax=*"}
            for number in (1, FRAMES // 2, FRAMES):
                frame = client.get(f"{instance}/frames/{number}", headers=octets)
                assert frame.content == _frame(number)
            size = 0
            whole = {"accept": "application/dicom; transfer-syntax=*"}
            with client.stream("GET", instance, headers=whole) as got:
                for chunk in got.iter_raw():
                    size += len(chunk)
            assert size == len(head) + (8 + FRAME) * FRAMES + len(SEQUENCE_END)
            assert size > 4 << 30
            assert (client.get(f"{instance}/metadata")).json()[0]["00280008"]["Value"] == [FRAMES]
    finally:
        server.stop()
    print({"peak MiB": watch.peak >> 20})
    assert watch.peak < LIMIT


def _header() -> tuple[bytes, str]:
    """An encapsulated instance up to its first frame, with an empty offset table."""
    dataset = ct(Rows=2048, Columns=2048, NumberOfFrames=FRAMES, PixelData=b"")
    data = part10(dataset).replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2.5\0")
    opening = b"\xe0\x7f\x10\x00OB\0\0\xff\xff\xff\xff" + b"\xfe\xff\x00\xe0" + bytes(4)
    return data[: data.rindex(b"\xe0\x7f\x10\x00")] + opening, dataset.SOPInstanceUID


def _body(head: bytes) -> Iterator[bytes]:
    yield head
    for number in range(1, FRAMES + 1):
        yield b"\xfe\xff\x00\xe0" + FRAME.to_bytes(4, "little") + _frame(number)
    yield SEQUENCE_END


def _frame(number: int) -> bytes:
    return number.to_bytes(4, "little") + bytes([number % 256]) * (FRAME - 4)


class _Watch:
    """The highest resident memory of a process and its children, looked at fifty times a second."""

    def __init__(self, pid: int) -> None:
        self.peak = 0
        self._process = psutil.Process(pid)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> "_Watch":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._over.is_set():
            self.peak = max(self.peak, sum(each.memory_info().rss for each in self._family()))
            time.sleep(0.02)

    def _family(self) -> list[psutil.Process]:
        return [self._process, *self._process.children(recursive=True)]
