"""A throwaway S3 server: Ceph's, a monitor, one OSD in memory and a RADOS gateway, gone with the tests."""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import httpx
import obstore
from obstore.store import S3Store

from tests.ports import free_port
from tests.postgres import _end_with_parent
from tests.seaweed import CREDENTIALS

BUCKET = "archive"
SECONDS_TO_START = 60
PROGRAMS = ("ceph-mon", "ceph-osd", "radosgw", "radosgw-admin", "ceph", "monmaptool")
#: Without cephx a client must be told not to ask for the secure mode; else it tries for ever.
CONFIGURATION = """
[global]
fsid = {fsid}
mon initial members = a
mon host = [v2:127.0.0.1:{v2},v1:127.0.0.1:{v1}]
auth cluster required = none
auth service required = none
auth client required = none
auth allow insecure global id reclaim = true
public network = 127.0.0.0/8
cluster network = 127.0.0.0/8
public addr = 127.0.0.1
cluster addr = 127.0.0.1
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 4
osd pool default pgp num = 4
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
mon max pg per osd = 2000
mon warn on pool no redundancy = false
mon data avail warn = 1
mon data avail crit = 0
paxos propose interval = 0.1
paxos min wait = 0.01
osd objectstore = memstore
memstore device bytes = 4294967296
rgw dynamic resharding = false
run dir = {folder}/run
admin socket = {folder}/run/$name.asok
log file = {folder}/log/$name.log
pid file = {folder}/run/$name.pid
mon data = {folder}/mon
osd data = {folder}/osd
rgw data = {folder}/rgw
[client]
keyring = /dev/null
ms mon client mode = crc
"""


class NoCephError(Exception):
    """Ceph is missing: apt-get install --no-install-recommends ceph-mon ceph-osd radosgw ceph-common"""


@contextmanager
def ceph() -> Iterator[str]:
    """Run it; gives its endpoint, which has a bucket. Raises NoCephError."""
    if not all(shutil.which(name) for name in PROGRAMS):
        raise NoCephError
    with tempfile.TemporaryDirectory(prefix="ceph-", ignore_cleanup_errors=True) as folder:
        cluster = _Cluster(Path(folder))
        try:
            yield cluster.start()
        finally:
            cluster.stop()


class _Cluster:
    """The processes of one, in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._running: list[subprocess.Popen[bytes]] = []
        self._ports = [free_port() for _ in range(2)]

    def start(self) -> str:
        """Start one after the other; the gateway's endpoint."""
        fsid, osd, port = str(uuid4()), str(uuid4()), free_port()
        self._configure(fsid)
        self._monitor(fsid)
        self._run("ceph", "osd", "new", osd, "0")
        self._run("ceph-osd", "-i", "0", "--mkfs", "--osd-uuid", osd)
        self._spawn("ceph-osd", "-f", "-i", "0")
        self._await(lambda: " 1 up" in self._run("ceph", "osd", "stat"))
        self._user()
        self._spawn(
            "radosgw", "-f", "-n", "client.rgw", "--rgw-frontends", f"beast endpoint=127.0.0.1:{port}"
        )
        self._await(lambda: _makes_the_bucket(f"http://127.0.0.1:{port}"))
        return f"http://127.0.0.1:{port}"

    def stop(self) -> None:
        """End all at once."""
        for process in reversed(self._running):
            process.kill()
            process.wait()

    def _configure(self, fsid: str) -> None:
        for name in ("mon", "osd", "run", "log"):
            (self._folder / name).mkdir()
        v1, v2 = self._ports
        said = CONFIGURATION.format(fsid=fsid, v1=v1, v2=v2, folder=self._folder)
        (self._folder / "ceph.conf").write_text(said)

    def _monitor(self, fsid: str) -> None:
        v1, v2 = self._ports
        addresses = f"[v2:127.0.0.1:{v2},v1:127.0.0.1:{v1}]"
        self._run("monmaptool", "--create", "--fsid", fsid, "--addv", "a", addresses, "monmap")
        self._run("ceph-mon", "--mkfs", "-i", "a", "--monmap", "monmap")
        self._spawn("ceph-mon", "-f", "-i", "a")

    def _user(self) -> None:
        key, secret = CREDENTIALS.values()
        named = ("--uid=archive", "--display-name=archive", f"--access-key={key}", f"--secret={secret}")
        self._run("radosgw-admin", "user", "create", *named)

    def _environment(self) -> Mapping[str, str]:
        return {**os.environ, "CEPH_CONF": f"{self._folder}/ceph.conf"}

    def _run(self, *command: str) -> str:
        done = subprocess.run(
            command, cwd=self._folder, env=self._environment(), capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0, (command, done.stderr[-2000:])
        return done.stdout

    def _spawn(self, *command: str) -> None:
        quiet, where = subprocess.DEVNULL, {"cwd": self._folder, "env": self._environment()}
        with_us = {"start_new_session": True, "preexec_fn": _end_with_parent}
        self._running.append(
            subprocess.Popen(command, stdin=quiet, stdout=quiet, stderr=quiet, **where, **with_us)  # type: ignore[call-overload]
        )

    def _await(self, ready: Callable[[], bool]) -> None:
        end = time.monotonic() + SECONDS_TO_START
        while not _is(ready):
            dead: Sequence[object] = [each.args for each in self._running if each.poll() is not None]
            assert not dead, f"{dead} ended"
            assert time.monotonic() < end, "Ceph did not start"
            time.sleep(0.1)


def _is(ready: Callable[[], bool]) -> bool:
    with suppress(AssertionError, httpx.TransportError):
        return ready()
    return False


def _makes_the_bucket(endpoint: str) -> bool:
    key, secret = CREDENTIALS.values()
    found = {"endpoint": endpoint, "access_key_id": key, "secret_access_key": secret}
    store = S3Store(BUCKET, **found, client_options={"allow_http": True})  # type: ignore[arg-type]
    # An address without a key is the bucket's own.
    return httpx.put(obstore.sign(store, "PUT", "", timedelta(minutes=1))).status_code == 200
