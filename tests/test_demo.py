import email
import email.policy
import io
import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import httpx
import pytest
from rich.console import Console

from app import demo
from app.demo import Candidate, candidates, fill
from app.errors import Misconfigured
from tests.corpus import files
from tests.test_server import TOKEN, served


def filled(url: str, token: str | None = None) -> str:
    """What the demo prints."""
    printed = io.StringIO()
    fill(url, token, Console(file=printed, width=200, no_color=True))
    return printed.getvalue()


def totals(printed: str) -> tuple[int, ...]:
    """Stored, already there and refused, as the table's last row says."""
    row = next(line for line in printed.splitlines() if re.search(r"\bAll\b", line))
    return tuple(map(int, re.findall(r"\d+", row)))


def test_every_instance_once() -> None:
    found = candidates()
    uids = [each.sop_instance_uid for each in found]
    assert len(uids) == len(set(uids)) > 100
    assert {each.path for each in found} <= set(files())
    assert {"CT", "MR", "US", "RTDOSE", "SEG"} <= {each.modality for each in found}


def test_it_fills_an_archive_and_may_be_repeated(tmp_path: Path) -> None:
    with served(tmp_path) as archive:
        stored, there, refused = totals(filled(archive.url))
        assert stored > 100
        assert stored + there + refused == len(candidates())
        found = httpx.get(f"{archive.url}/dicom-web/instances", params={"limit": 1000}).json()
        assert len(found) == stored + there
        assert totals(filled(archive.url)) == (0, stored + there, refused)


def test_it_signs_in(tmp_path: Path) -> None:
    with served(tmp_path, READINGROOM_OWNER_TOKEN=TOKEN) as archive:
        with pytest.raises(Misconfigured, match="The archive answered 401: This archive needs sign-in"):
            filled(archive.url)
        assert totals(filled(archive.url, TOKEN))[0] > 100


def test_it_says_where_there_is_more(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    known = demo.find_spec
    monkeypatch.setattr(demo, "find_spec", lambda name: None if name == "data_store" else known(name))
    assert 20 < len(candidates()) < 139
    monkeypatch.setattr(demo, "candidates", list)
    with served(tmp_path) as archive:
        assert "pip install pydicom-data" in filled(archive.url)


def test_no_archive_there() -> None:
    with pytest.raises(Misconfigured, match=r"No archive answers at http://127\.0\.0\.1:9: start one"):
        filled("http://127.0.0.1:9")


class Stranger(BaseHTTPRequestHandler):
    """Some other web server."""

    def do_GET(self) -> None:
        self.send_response(404)
        self.end_headers()
        self.wfile.write(b"<h1>Not here")

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def stranger() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), Stranger) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_something_else_there(stranger: str) -> None:
    with pytest.raises(
        Misconfigured, match="The archive answered 404: Is this the address of a Reading Room"
    ):
        filled(stranger)


def test_a_batch_is_multipart_as_others_read_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    parts = {"1.2.1": b"\r\n--\r\n", "1.2.2": b"", "1.2.3": bytes(range(256)) * 9000}
    for uid, part in parts.items():
        (tmp_path / uid).write_bytes(part)
    batch = [Candidate(tmp_path / uid, uid, "CT") for uid in parts]
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        if request.method == "GET":
            return httpx.Response(200, json=[{"00080018": {"vr": "UI", "Value": ["1.2.2"]}}])
        seen.append(request)
        request.read()
        refused = {"00081198": {"vr": "SQ", "Value": [{"00081155": {"vr": "UI", "Value": ["1.2.3"]}}]}}
        return httpx.Response(202, content=json.dumps(refused))

    with httpx.Client(transport=httpx.MockTransport(answer), base_url="http://x/dicom-web") as client:
        outcomes = [outcome for _, outcome in demo._send(client, batch)]
    assert outcomes == ["stored", "already there", "refused"]
    (request,) = seen
    assert int(request.headers["content-length"]) == len(request.content)
    assert "transfer-encoding" not in request.headers
    head = f"Content-Type: {request.headers['content-type']}\r\n\r\n".encode()
    message = email.message_from_bytes(head + request.content, policy=email.policy.HTTP)
    assert message.get_content_type() == "multipart/related"
    assert [part.get_content_type() for part in message.iter_parts()] == ["application/dicom"] * 3
    assert len(request.content.split(b"--" + message.get_boundary().encode())) == 5  # type: ignore[union-attr]
    assert parts["1.2.3"] in request.content
