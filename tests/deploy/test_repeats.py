"""What nginx does again by itself, and what never; and that it lets bytes through as they come."""

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from socket import socket

import httpx
import pytest

from tests.deploy.proxied import Nginx, NoNginxError, nginx
from tests.deploy.upstreams import answering, dying, upstream
from tests.ports import free_port
from tests.required import lacking

BODY = bytes(100_000)


@contextmanager
def before(folder: Path, *servers: str) -> Iterator[Nginx]:
    try:
        with nginx(folder / "nginx", servers) as running:
            yield running
    except NoNginxError as missing:
        lacking(str(missing.__doc__))


@pytest.mark.parametrize("method", ["POST", "PATCH", "PUT", "DELETE"])
def test_what_changes_something_is_sent_once(method: str, tmp_path: Path) -> None:
    """Also where another server could take it: the first may have done it before it died."""
    with ExitStack() as stack:
        servers = [stack.enter_context(upstream(dying)) for _ in range(3)]
        proxy = stack.enter_context(before(tmp_path, *(each.address for each in servers)))
        client = stack.enter_context(proxy.client())
        answer = client.request(method, "/dicom-web/studies", content=BODY)
        heads = [head for each in servers for head in each.heads]
    assert (answer.status_code, len(heads)) == (502, 1)
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == 502
    assert int(answer.headers["retry-after"]) > 0


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_what_reads_is_asked_of_another(method: str, tmp_path: Path) -> None:
    with ExitStack() as stack:
        servers = [stack.enter_context(upstream(act)) for act in (dying, dying, answering)]
        proxy = stack.enter_context(before(tmp_path, *(each.address for each in servers)))
        client = stack.enter_context(proxy.client())
        answers = {client.request(method, "/").status_code for _ in range(4)}
        assert answers == {200}
        assert [len(each.heads) for each in servers] == [1, 1, 4]


@pytest.mark.parametrize("method", ["GET", "POST", "PATCH"])
def test_a_server_that_takes_no_connection_is_left_out(method: str, tmp_path: Path) -> None:
    with ExitStack() as stack:
        server = stack.enter_context(upstream(answering))
        gone = [f"127.0.0.1:{free_port()}" for _ in range(2)]
        proxy = stack.enter_context(before(tmp_path, *gone, server.address))
        client = stack.enter_context(proxy.client())
        answers = [client.request(method, "/", content=b"small").status_code for _ in range(4)]
    assert answers == [200] * 4


def test_where_no_server_is_left_it_says_so_and_is_itself_well(tmp_path: Path) -> None:
    with before(tmp_path, f"127.0.0.1:{free_port()}") as proxy, proxy.client() as client:
        for method in ("GET", "POST", "PUT"):
            answer = client.request(method, "/dicom-web/studies")
            assert (answer.status_code, answer.json()["title"]) == (502, "Bad Gateway")
            assert answer.headers["strict-transport-security"]
        assert client.get("/healthz").status_code == 200


def test_a_body_is_handed_on_as_it_comes(tmp_path: Path) -> None:
    arrived, rest = threading.Event(), []

    def reading(connection: socket, body: bytes) -> None:
        while b"first" not in body:
            body += connection.recv(1 << 16)
        arrived.set()
        while b"last" not in body:
            body += connection.recv(1 << 16)
        rest.append(len(body))
        answering(connection, body)

    def sent() -> Iterator[bytes]:
        yield b"first" + bytes(1 << 20)
        assert arrived.wait(20), "held back"
        yield b"last"

    with upstream(reading) as server, before(tmp_path, server.address) as proxy, proxy.client() as client:
        assert client.post("/", content=sent()).text == "ok"
    assert rest[0] > 1 << 20


def test_an_answer_is_handed_on_as_it_comes(tmp_path: Path) -> None:
    seen = threading.Event()

    def sending(connection: socket, _: bytes) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nhere")
        assert seen.wait(20), "held back"
        connection.sendall(b"more")

    with (
        upstream(sending) as server,
        before(tmp_path, server.address) as proxy,
        proxy.client() as client,
        client.stream("GET", "/") as answer,
    ):
        pieces = answer.iter_raw()
        assert next(pieces) == b"here"
        seen.set()
        assert b"".join(pieces) == b"more"


@pytest.mark.parametrize(
    "head",
    [b"Content-Length: 100\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\n64\r\n"],
    ids=["length", "chunks"],
)
def test_an_answer_that_ends_too_early_does_so_outside_too(head: bytes, tmp_path: Path) -> None:
    def cutting(connection: socket, _: bytes) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n" + head + b"only this")

    with upstream(cutting) as server, before(tmp_path, server.address) as proxy, proxy.client() as client:
        with pytest.raises(httpx.RemoteProtocolError):
            client.get("/")
        # It had begun: nobody else was asked.
        assert len(server.heads) == 1


def test_what_a_proxy_must_say_and_must_not(tmp_path: Path) -> None:
    lies = {"Forwarded": "host=evil.test", "X-Forwarded-Prefix": "/evil", "X-Forwarded-Port": "1"}
    with upstream(answering) as server, before(tmp_path, server.address) as proxy, proxy.client() as client:
        client.get("/a%2Fb?c=%20", headers=lies | {"X-Forwarded-For": "10.0.0.1", "Range": "bytes=1-2"})
        client.put("/a%2Fb?c=%20")
        port = proxy.port
    for head, method in zip(server.heads, ("GET", "PUT"), strict=True):
        line, *fields = head.decode().split("\r\n")
        said = {name.lower(): value for name, _, value in (each.partition(": ") for each in fields)}
        assert line == f"{method} /a%2Fb?c=%20 HTTP/1.1"
        assert said["x-forwarded-host"] == said["host"] == f"archive.test:{port}"
        assert (said["x-forwarded-proto"], said["x-forwarded-for"]) == ("https", "127.0.0.1")
        assert not {each.lower() for each in lies} & said.keys()
    assert b"range: bytes=1-2" in server.heads[0].lower()
