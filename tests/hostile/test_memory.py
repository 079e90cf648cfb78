"""Many large uploads at once, in memory that does not grow with them."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx

from soak.server import remains, serving
from tests.instances import ct, part10

UPLOADS, SIZE = 64, 20 << 20
#: What their spools may hold together in memory, and room for buffers on their way.
SPOOLS, ROOM = 64 << 20, 192 << 20


def test_64_uploads_of_20_mb_stay_below_the_spools_limit(tmp_path: Path) -> None:
    head = part10(ct(PixelData=bytes(SIZE), Rows=1, Columns=1))
    with serving(tmp_path, READINGROOM_SPOOL_MEMORY_TOTAL=str(SPOOLS)) as server:
        before = server.memory()

        def upload(number: int) -> int:
            body = head.replace(head_uid, f"{number:0{len(head_uid)}d}".replace("0", "1", 1).encode())
            headers = {"Content-Type": "application/dicom"}
            url = f"http://127.0.0.1:{server.port}/dicom-web/studies"
            return httpx.post(url, content=body, headers=headers, timeout=250).status_code

        head_uid = _uid(head)
        with ThreadPoolExecutor(16) as threads:
            pending = [threads.submit(upload, number) for number in range(UPLOADS)]
            peak = before
            while not all(each.done() for each in pending):
                peak = max(peak, server.memory())
        assert {each.result() for each in pending} <= {200, 202}
    assert peak - before < SPOOLS + ROOM
    assert remains(tmp_path / "data").rows == UPLOADS


def _uid(instance: bytes) -> bytes:
    from app.dicom import part10 as reader

    return reader.read(instance).text(0x00080018).encode()
