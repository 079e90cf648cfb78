"""The nginx configuration of deploy/nginx, as it stands, before three real servers."""

import hashlib
import os
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from tests.bodies import BOUNDARY, content_type, multipart, received
from tests.deploy.proxied import CONFIGURATION, HOST, Nginx, find
from tests.house import OWNER
from tests.instances import ct, part10
from tests.live import Process, start_together, wait_until
from tests.required import lacking

pytestmark = pytest.mark.xdist_group("three")
STUDIES = "/dicom-web/studies"
ONE = {"accept": "application/dicom; transfer-syntax=*"}
LARGE = 300 << 20
#: What logs and small files may take of the disk meanwhile.
LITTLE = 8 << 20


@pytest.fixture
def client(proxy: Nginx) -> Iterator[httpx.Client]:
    """The owner, outside."""
    with proxy.client(headers=OWNER) as client:
        yield client


def stored(client: httpx.Client, study: str, **values: object) -> tuple[str, bytes]:
    """An instance that is there: its address and bytes."""
    dataset = ct(study, f"{study}.1", **values)
    data = part10(dataset)
    answer = client.post(STUDIES, content=multipart([data]), headers={"content-type": content_type()})
    assert answer.status_code == 200, answer.text
    return f"{STUDIES}/{study}/series/{study}.1/instances/{dataset.SOPInstanceUID}", data


def test_what_is_stored_is_found_and_retrieved_under_the_outer_address(
    client: httpx.Client, proxy: Nginx
) -> None:
    path, data = stored(client, "1.7.1")
    (study,) = client.get(f"{STUDIES}?StudyInstanceUID=1.7.1").json()
    assert study["00081190"]["Value"] == [f"{proxy.url}{STUDIES}/1.7.1"]
    assert client.get(path, headers=ONE).content == data
    (metadata,) = client.get(f"{path}/metadata").json()
    bulk = metadata["7FE00010"]["BulkDataURI"]
    assert bulk.startswith(f"https://{HOST}:{proxy.port}{path}/bulkdata/")
    answer = client.get(bulk)
    (part,) = received(answer.headers["content-type"], answer.content)
    assert part.data == bytes(ct().PixelData)
    assert part.location.startswith(proxy.url)


def test_a_client_cannot_choose_the_outer_address(client: httpx.Client, proxy: Nginx) -> None:
    stored(client, "1.7.2")
    lies = {
        "Forwarded": "for=1.2.3.4;proto=http;host=evil.test",
        "X-Forwarded-Proto": "http",
        "X-Forwarded-Host": "evil.test",
        "X-Forwarded-Port": "1",
        "X-Forwarded-Prefix": "/evil",
        "X-Forwarded-For": "10.0.0.1, 127.0.0.1",
    }
    for name, lie in (*lies.items(), ("Forwarded", "host=evil.test")):
        (study,) = client.get(f"{STUDIES}?StudyInstanceUID=1.7.2", headers={name: lie}).json()
        assert study["00081190"]["Value"] == [f"{proxy.url}{STUDIES}/1.7.2"], name


def test_what_one_server_tagged_the_others_know(client: httpx.Client, proxy: Nginx) -> None:
    path, _ = stored(client, "1.7.3")
    tag = client.get(f"{path}/metadata").headers["etag"]
    for _ in range(6):
        answer = client.get(f"{path}/metadata", headers={"If-None-Match": tag})
        assert (answer.status_code, answer.content) == (304, b"")
    wait_until(lambda: [line["status"] for line in proxy.lines()[-6:]] == [304] * 6)
    assert len({line["upstream"] for line in proxy.lines()[-6:]}) == 3


def test_ranges(client: httpx.Client) -> None:
    path, data = stored(client, "1.7.4")
    whole = client.get(path, headers=ONE)
    for start, end in ((0, 99), (100, len(data) - 1)):
        some = client.get(path, headers={**ONE, "Range": f"bytes={start}-{end}"})
        assert (some.status_code, some.content) == (206, data[start : end + 1])
        assert some.headers["content-range"] == f"bytes {start}-{end}/{len(data)}"
    tag = whole.headers["etag"]
    for condition, status in ((tag, 206), ('"another"', 200)):
        head = {**ONE, "Range": "bytes=5-9", "If-Range": condition}
        assert client.get(path, headers=head).status_code == status
    assert client.get(path, headers={**ONE, "Range": f"bytes={len(data)}-"}).status_code == 416
    head = client.head(path, headers=ONE)
    assert int(head.headers["content-length"]) == len(data)


@pytest.mark.timeout(600)
def test_hundreds_of_megabytes_pass_without_lying_on_the_disk(client: httpx.Client, proxy: Nginx) -> None:
    dataset = ct("1.7.5", "1.7.5.1", PixelData=os.urandom(1 << 20) * (LARGE >> 20))
    data, before = part10(dataset), proxy.written()
    pieces = [
        f"--{BOUNDARY}\r\nContent-Type: application/dicom\r\n\r\n".encode(),
        data,
        f"\r\n--{BOUNDARY}--".encode(),
    ]
    for length in (True, False):
        # Without a length the body goes in chunks, inside as outside.
        body = b"".join(pieces) if length else _in_chunks(pieces)
        answer = client.post(STUDIES, content=body, headers={"content-type": content_type()}, timeout=300)
        assert answer.status_code == 200, answer.text
    path = f"{STUDIES}/1.7.5/series/1.7.5.1/instances/{dataset.SOPInstanceUID}"
    digest, lengths = hashlib.sha256(), 0
    with client.stream("GET", path, headers=ONE, timeout=300) as answer:
        for piece in answer.iter_raw():
            digest.update(piece)
            lengths += len(piece)
    assert (lengths, digest.digest()) == (len(data), hashlib.sha256(data).digest())
    assert proxy.written() - before < LITTLE


def _in_chunks(pieces: list[bytes]) -> Iterator[bytes]:
    for piece in pieces:
        for start in range(0, len(piece), 1 << 20):
            yield piece[start : start + (1 << 20)]


def test_a_series_in_one_long_answer(client: httpx.Client) -> None:
    each = [part10(ct("1.7.6", "1.7.6.1")) for _ in range(200)]
    answer = client.post(STUDIES, content=multipart(each), headers={"content-type": content_type()})
    assert answer.status_code == 200
    answer = client.get(
        f"{STUDIES}/1.7.6/series/1.7.6.1",
        headers={"accept": 'multipart/related; type="application/dicom"; transfer-syntax=*'},
    )
    parts = received(answer.headers["content-type"], answer.content)
    assert sorted(part.data for part in parts) == sorted(each)
    archive = client.get(f"{STUDIES}/1.7.6/series/1.7.6.1", headers={"accept": "application/zip"})
    assert archive.content[:2] == b"PK"
    some = client.get(
        f"{STUDIES}/1.7.6/series/1.7.6.1", headers={"accept": "application/zip", "Range": "bytes=-22"}
    )
    assert (some.status_code, some.content) == (206, archive.content[-22:])


def test_a_server_that_is_killed_is_not_missed(client: httpx.Client, three: list[Process]) -> None:
    path, data = stored(client, "1.7.7")
    for number, victim in enumerate(three):
        victim.kill()
        try:
            for _ in range(6):
                assert client.get(path, headers=ONE).content == data
            for _ in range(4):
                stored(client, f"1.7.7.{number}")
        finally:
            victim.start(120)
    # Those that are back are used again, within the seconds for which they were left out.
    assert client.get("/readyz").status_code == 200


def test_servers_are_replaced_one_by_one_and_nobody_notices(proxy: Nginx, three: list[Process]) -> None:
    """As in an upgrade: each is told to stop, and started again, while clients go on."""
    over, seen = threading.Event(), list[tuple[str, int]]()
    with proxy.client(headers=OWNER) as client:
        path, data = stored(client, "1.7.10")

    def read() -> None:
        with proxy.client(headers=OWNER) as client:
            while not over.is_set():
                answer = client.get(path, headers=ONE)
                seen.append(("read", answer.status_code if answer.content == data else 0))

    def store() -> None:
        with proxy.client(headers=OWNER) as client:
            while not over.is_set():
                body = multipart([part10(ct("1.7.10", "1.7.10.1"))])
                head = {"content-type": content_type()}
                seen.append(("store", client.post(STUDIES, content=body, headers=head).status_code))

    with ThreadPoolExecutor(2) as pool:
        working = [pool.submit(work) for work in (read, store)]
        try:
            for each in three:
                each.stop()
                each.start(120)
        finally:
            over.set()
        for each in working:
            each.result()
    assert set(seen) == {("read", 200), ("store", 200)}
    assert min(map([what for what, _ in seen].count, ("read", "store"))) > len(three)


def test_an_answer_whose_server_is_killed_is_cut(client: httpx.Client, three: list[Process]) -> None:
    path, data = stored(client, "1.7.8", PixelData=os.urandom(48 << 20))
    with client.stream("GET", path, headers=ONE) as answer:
        pieces = answer.iter_raw(1 << 20)
        got = len(next(pieces))
        for each in three:
            each.kill()
        with pytest.raises(httpx.RemoteProtocolError):
            got += sum(map(len, pieces))
    start_together(three)
    assert got < len(data)
    assert client.get(path, headers=ONE).content == data


def test_who_may_not_store_hears_so_while_they_still_send(proxy: Nginx) -> None:
    with proxy.client() as stranger:
        answer = stranger.post(
            STUDIES, content=_in_chunks([bytes(32 << 20)]), headers={"content-type": content_type()}
        )
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"


def test_long_searches_and_odd_addresses_reach_the_archive(
    client: httpx.Client, three: list[Process]
) -> None:
    uids = ",".join(f"1.2.840.{number:08}" for number in range(2000))
    assert client.get(f"{STUDIES}?StudyInstanceUID={uids}").status_code == 204
    for path in ("/collections/a%2Fb", "/dicom-web//studies", "/dicom-web/studies/1.2%2e3"):
        direct = httpx.get(f"{three[0].url}{path}", headers=OWNER)
        outer = client.get(path)
        assert (outer.status_code, outer.headers["content-type"]) == (
            direct.status_code,
            direct.headers["content-type"],
        ), path


def test_what_is_for_operators_stays_inside(client: httpx.Client, proxy: Nginx) -> None:
    assert client.get("/metrics").status_code == 404
    assert client.get("/healthz").json() == {"status": "up"}
    assert client.get("/readyz").json() == {"status": "ready"}
    moved = httpx.post(f"{proxy.plain_url}{STUDIES}?a=b%20c", headers={"Host": HOST})
    assert (moved.status_code, moved.headers["location"]) == (308, f"https://{HOST}{STUDIES}?a=b%20c")


def test_http_2(proxy: Nginx) -> None:
    if not shutil.which("curl"):
        lacking("There is no curl here: apt-get install curl.")
    command = ["curl", "--silent", "--http2", "--cacert", proxy.folder / "secrets" / "tls_certificate"]
    command += [
        "--resolve",
        f"{HOST}:{proxy.port}:127.0.0.1",
        "--header",
        f"Authorization: {OWNER['Authorization']}",
    ]
    command += ["--write-out", "%{http_version} %{http_code}", "--output", os.devnull]
    sent = ["--header", "Content-Type: application/dicom", "--data-binary", "@-", f"{proxy.url}{STUDIES}"]
    done = subprocess.run(
        [*command, *sent], input=part10(ct("1.7.9", "1.7.9.1")), capture_output=True, check=True
    )
    assert done.stdout == b"2 200"


def test_debian_s_own_nginx_takes_it(proxy: Nginx, tmp_path: Path) -> None:
    shutil.copytree(CONFIGURATION, tmp_path / "nginx")
    files = sorted((tmp_path / "nginx").glob("*.conf"))
    subprocess.run(["sed", "-f", CONFIGURATION.parent / "nginx-on-debian.sed", "-i", *files], check=True)
    said = "".join(path.read_text() for path in files)
    for line in (
        "listen 80 default_server;",
        "listen [::]:443 ssl http2 default_server;",
        "pid /run/nginx.pid;",
    ):
        assert line in said
    assert not re.search("/tmp|8443|/dev/stdout|/run/secrets", re.sub("#.*", "", said))
    # Where Debian has its files is not for tests.
    ours = {"/etc/nginx/tls/": f"{proxy.folder}/secrets/tls_", "/run/nginx": f"{tmp_path}/nginx"}
    for path in files:
        for old, new in (ours | {"/var/lib/nginx": str(tmp_path), "/var/log/nginx": str(tmp_path)}).items():
            path.write_text(path.read_text().replace(old, new))
    command = [find(), "-t", "-q", "-c", tmp_path / "nginx" / "nginx.conf"]
    tested = subprocess.run(command, capture_output=True, text=True, check=False)
    assert tested.returncode == 0, tested.stderr


def test_the_logs_hold_nobody(client: httpx.Client, proxy: Nginx) -> None:
    """After all that: neither UIDs nor what was searched for."""
    client.get(f"{STUDIES}?PatientName=Someone^Secret")
    client.get(f"{STUDIES}/1.7.1/series/1.7.1.1/instances/1.99.99")
    wait_until(lambda: proxy.lines()[-1]["status"] == 404)
    said = proxy.log + Path(proxy.folder, "errors.log").read_text()
    for secret in ("Someone", "1.7.1", "1.99", "StudyInstanceUID", OWNER["Authorization"].split()[1]):
        assert secret not in said
