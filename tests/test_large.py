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
FRAME = 2048 * 2048 * 2
FRAMES = 512
LIMIT = 300 << 20


def test_a_4_gib_instance_takes_less_than_300_mib(tmp_path: Path) -> None:
    server = Process(tmp_path)
    server.start()
    try:
        with _Watch(server.pid) as watch, httpx.Client(base_url=server.url, timeout=300) as client:
            head, dataset = _header()
            answer = client.post(
                STUDIES, content=_body(head), headers={"content-type": "application/dicom"}
            )
            assert answer.status_code == 200, answer.text
            instance = f"{STUDIES}/1.2.3/series/1.2.3.4/instances/{dataset}"
            octets = {"accept": "application/octet-stream"}
            for number in (1, FRAMES // 2, FRAMES):
                frame = client.get(f"{instance}/frames/{number}", headers=octets)
                assert frame.content == bytes([number % 256]) * FRAME
            size = 0
            whole = {"accept": "application/dicom; transfer-syntax=*"}
            with client.stream("GET", instance, headers=whole) as got:
                for chunk in got.iter_raw():
                    size += len(chunk)
            assert size == len(head) + FRAME * FRAMES
            assert (client.get(f"{instance}/metadata")).json()[0]["00280008"]["Value"] == [FRAMES]
    finally:
        server.stop()
    print({"peak MiB": watch.peak >> 20})
    assert watch.peak < LIMIT


def _header() -> tuple[bytes, str]:
    """An instance up to its pixel data, whose length fills the 32 bits that the standard gives it."""
    dataset = ct(Rows=2048, Columns=2048, NumberOfFrames=FRAMES, PixelData=b"")
    data = part10(dataset)
    length = FRAME * FRAMES - 2
    assert length < 0xFFFFFFFF
    return data[:-4] + length.to_bytes(4, "little"), dataset.SOPInstanceUID


def _body(head: bytes) -> Iterator[bytes]:
    yield head
    for number in range(1, FRAMES + 1):
        yield bytes([number % 256]) * FRAME


class _Watch:
    """The highest anonymous memory of a process and its children, looked at fifty times a second."""

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
