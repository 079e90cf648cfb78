"""A real nginx with the configuration in deploy/nginx, before servers of the test's choice."""

import json
import os
import re
import shutil
import socket
import ssl
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.live import wait_until
from tests.ports import free_port
from tests.postgres import _end_with_parent

ROOT = Path(__file__).parents[2]
CONFIGURATION = ROOT / "deploy" / "nginx"
HOST = "archive.test"
_SERVER = re.compile(r"server [0-9.]+:\d+ (?P<how>.*);")


class NoNginxError(Exception):
    """There is no nginx here: apt-get install nginx-light."""


class Nginx:
    """One nginx, over TLS under the name `archive.test`; what is changed of its files is said here."""

    def __init__(self, folder: Path, servers: Sequence[str]) -> None:
        self.folder, self.port, self.plain = folder, free_port(), free_port()
        self.url, self.plain_url = f"https://{HOST}:{self.port}", f"http://127.0.0.1:{self.plain}"
        self._process: subprocess.Popen[bytes] | None = None
        for name in ("secrets", "work", "conf"):
            (folder / name).mkdir()
        _certify(folder / "secrets")
        for path in CONFIGURATION.iterdir():
            (folder / "conf" / path.name).write_text(self._changed(path.read_text(), servers))

    def _changed(self, text: str, servers: Sequence[str]) -> str:
        """Ports, folders and servers are the test's; every other line is as it stands."""
        lines = _SERVER.findall(text)
        if lines:
            ours = "\n    ".join(f"server {each} {lines[0]};" for each in servers)
            text = _SERVER.sub("", text).replace("least_conn;", f"least_conn;\n    {ours}")
        text = text.replace("listen 8443", f"listen 127.0.0.1:{self.port}")
        text = text.replace("listen 8080", f"listen 127.0.0.1:{self.plain}")
        if socket.has_ipv6 and Path("/proc/net/if_inet6").exists():
            text = text.replace("listen [::]:8443", f"listen [::1]:{self.port}")
            text = text.replace("listen [::]:8080", f"listen [::1]:{self.plain}")
        text = re.sub(r"\n *listen \[::\]:.*", "", text)
        text = text.replace("/tmp/nginx/", f"{self.folder}/work/")  # the configuration's own
        text = text.replace("/dev/stdout", f"{self.folder}/access.log")
        return text.replace("/run/secrets/", f"{self.folder}/secrets/")

    def start(self) -> None:
        """Start, and wait until it listens."""
        program = find()
        command = [program, "-p", self.folder, "-c", self.folder / "conf" / "nginx.conf"]
        tested = subprocess.run([*command, "-t", "-q"], capture_output=True, text=True, check=False)
        assert tested.returncode == 0, tested.stderr
        with (self.folder / "errors.log").open("ab") as log:
            self._process = subprocess.Popen(
                [*command, "-g", "daemon off;"], stdout=log, stderr=log, preexec_fn=_end_with_parent
            )
        wait_until(self._answers)

    def stop(self) -> None:
        """End it with what is under way."""
        assert self._process
        self._process.terminate()
        self._process.wait(20)

    def client(self, **more: object) -> httpx.Client:
        """A client that trusts its certificate and finds its name."""
        trusted = ssl.create_default_context(cafile=self.folder / "secrets" / "tls_certificate")
        transport = httpx.HTTPTransport(verify=trusted)
        return httpx.Client(transport=_Named(transport), base_url=self.url, timeout=60, **more)

    @property
    def log(self) -> str:
        return (self.folder / "access.log").read_text()

    def lines(self) -> list[dict[str, Any]]:
        """What it logged of each request."""
        return [json.loads(line) for line in self.log.splitlines()]

    def written(self) -> int:
        """Bytes that its processes had the kernel write to a disk."""
        assert self._process
        pid = self._process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return sum(_written(Path(f"/proc/{each}/io")) for each in (pid, *children))

    def _answers(self) -> bool:
        assert self._process
        assert self._process.poll() is None, (self.folder / "errors.log").read_text()
        try:
            return httpx.get(f"{self.plain_url}/healthz").status_code == 200
        except httpx.TransportError:
            return False


class _Named(httpx.BaseTransport):
    """Connects to this machine, whatever name the address has."""

    def __init__(self, transport: httpx.HTTPTransport) -> None:
        self._transport = transport

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.extensions["sni_hostname"] = HOST
        request.url = request.url.copy_with(host="127.0.0.1")
        return self._transport.handle_request(request)

    def close(self) -> None:
        self._transport.close()


@contextmanager
def nginx(folder: Path, servers: Sequence[str]) -> Iterator[Nginx]:
    """A running one, gone at the end. Raises NoNginxError."""
    find()
    folder.mkdir()
    running = Nginx(folder, servers)
    running.start()
    try:
        yield running
    finally:
        running.stop()


def find() -> str:
    """The program. Raises NoNginxError."""
    program = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None:
        raise NoNginxError
    return program


def _written(path: Path) -> int:
    (line,) = (each for each in path.read_text().splitlines() if each.startswith("write_bytes"))
    return int(line.split()[1])


def _certify(folder: Path) -> None:
    """A certificate for the name, by itself."""
    key, moment = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(moment - timedelta(days=1))
        .not_valid_after(moment + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(HOST)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / "tls_certificate").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "tls_key").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
