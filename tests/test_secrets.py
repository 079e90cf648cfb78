"""No secret gets out: not into a log, whatever a request carries it in."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from app.models.types import now
from app.ohif.package import unpack
from tests.house import DAY, OWNERS, bearer
from tests.live import Process
from tests.ohif.packed import tarball

ROOT = "/collections/inbox/dicom-web"


@pytest.fixture
def archive(tmp_path: Path) -> Any:
    """A server that says all it has to say."""
    chosen = {"READINGROOM_OWNER_TOKEN": OWNERS, "READINGROOM_LOG_LEVEL": "debug"}
    unpack(tarball(tmp_path / "packed.tgz"), tmp_path / "viewer")
    chosen |= {"READINGROOM_VIEWER": str(tmp_path / "viewer"), "READINGROOM_ACCOUNTS": "true"}
    running = Process(tmp_path / "data", **chosen)
    running.start()
    yield running
    running.stop()


def test_no_log_line_holds_a_secret(archive: Process, tmp_path: Path) -> None:
    body = {"collection": "inbox", "expires_at": (now() + DAY).isoformat()}
    owner = bearer(OWNERS)
    with httpx.Client(base_url=archive.url) as client:
        link = client.post("/api/v1/share-links", json=body, headers=owner).json()["token"]
        token = client.post("/api/v1/tokens", json={"name": "a"}, headers=owner).json()["token"]
        client.get(f"/collections/inbox/viewer?token={link}")
        cookie = "; ".join(f"{each.name}={each.value}" for each in client.cookies.jar)
        assert cookie.startswith("readingroom-link=rrs_")
        client.cookies.clear()
        for secret in (OWNERS, link, token, f"wrong.{token}.jwt", f"rr_{token}", f"rrl_{link}"):
            _send_everywhere(client, secret)
        client.post(
            "/sign-in",
            data={"name": token, "password": link},
            headers={"Origin": archive.url, "Cookie": cookie},
        )
    archive.stop()
    said = (tmp_path / "data.log").read_text()
    assert said.count('"event":"request"') > 50
    for secret in (OWNERS, link, token, cookie.partition("=")[2]):
        assert secret not in said
        assert secret[8:30] not in said


def _send_everywhere(client: httpx.Client, secret: str) -> None:
    for path in (
        f"{ROOT}/studies?token={secret}",
        f"{ROOT}/studies?{secret}",
        f"{ROOT}/studies?PatientID={secret}",
        f"/submissions/{secret}/dicom-web/studies",
        f"/collections/{secret}/viewer",
        f"/viewer?token={secret}",
        f"/api/v1/tokens/{secret}",
        f"/sign-in?next=/{secret}",
        f"/sign-in/callback?code={secret}&state={secret}",
        f"/{secret}",
    ):
        client.get(path, headers={"Referer": f"{client.base_url}viewer?token={secret}"})
    for headers in (
        *(bearer(secret), {"Authorization": f"Basic {secret}"}, {"Authorization": secret}),
        *({"Cookie": f"readingroom={secret}"}, {"Cookie": f"readingroom-journey={secret}"}),
        *({"X-Request-ID": secret + "."}, {"User-Agent": secret}, {"X-Forwarded-For": secret}),
    ):
        client.get(f"{ROOT}/studies", headers=headers)
        client.post(f"{ROOT}/studies", headers=headers, content=secret)
