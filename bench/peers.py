"""The archives that are compared, each a real server on an empty folder of its own."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import mkdtemp

import psutil

from bench.client import Client, get
from tests.ports import free_port

SECONDS_TO_START = 120
_ORTHANC = Path("/usr/sbin/Orthanc")
_PLUGIN = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")
NGINX = Path("/usr/sbin/nginx")


@dataclass(frozen=True, slots=True)
class Peer:
    """A running archive: its name, port, DICOMweb root and process."""

    name: str
    port: int
    process: psutil.Process
    root: str = "/dicom-web"
    folder: Path = field(default_factory=Path)

    def cpu(self) -> float:
        """Seconds of CPU used so far by the server and its children."""
        used = 0.0
        for process in self._processes():
            times = process.cpu_times()
            used += times.user + times.system
        return used

    def memory(self) -> int:
        """Bytes of resident memory of its largest process, at the highest so far."""
        return max(_highest(process.pid) for process in self._processes())

    def _processes(self) -> list[psutil.Process]:
        return [self.process, *self.process.children(recursive=True)]


def _highest(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) << 10
    return 0


@contextmanager
def reading_room(workers: int, database: str, name: str) -> Iterator[Peer]:
    """This archive, as `readingroom serve` starts it."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("READINGROOM_")}
    folder, port = Path(mkdtemp(prefix="readingroom-bench-")), free_port()
    command = [sys.executable, "-m", "app", "serve", "--data", str(folder), "--port", str(port)]
    command += ["--workers", str(workers)] + (["--database", database] if database else [])
    with _serving(command, folder, environment) as process:
        yield _answering(Peer(name, port, process, folder=folder), "/readyz")


def installed() -> bool:
    """Whether this system has an Orthanc with its DICOMweb plugin."""
    return _ORTHANC.exists() and _PLUGIN.exists()


@contextmanager
def orthanc(tree: Path | None = None) -> Iterator[Peer]:
    """Orthanc with its DICOMweb plugin, tuned: of this system, or of another Debian rooted at `tree`."""
    folder, port = Path(mkdtemp(prefix="bench-orthanc-", dir=tree and tree / "tmp")), free_port()
    seen = Path("/", folder.relative_to(tree)) if tree else folder
    (folder / "orthanc.json").write_text(json.dumps(_configuration(seen, port)))
    enter = ["chroot", str(tree)] if tree else []
    command = [*enter, str(_ORTHANC), str(seen / "orthanc.json")]
    stated = subprocess.run([*enter, str(_ORTHANC), "--version"], capture_output=True, text=True)
    with _serving(command, folder, dict(os.environ)) as process:
        name = f"Orthanc {stated.stdout.split()[1]}"
        yield _answering(Peer(name, port, process, folder=folder), "/dicom-web/studies?limit=1")


def _configuration(folder: Path, port: int) -> dict[str, object]:
    """Durable as by default, metadata as complete as ours, and all that makes it faster."""
    return {
        "Name": "BENCH",
        "StorageDirectory": str(folder / "storage"),
        "IndexDirectory": str(folder / "index"),
        "Plugins": [str(_PLUGIN)],
        "RemoteAccessAllowed": False,
        "AuthenticationEnabled": False,
        "HttpPort": port,
        "DicomServerEnabled": False,
        "HttpThreadsCount": 16,
        "HttpRequestTimeout": 120,
        "KeepAlive": True,
        "TcpNoDelay": True,
        "HttpCompressionEnabled": False,
        "StorageCompression": False,
        "SyncStorageArea": True,
        "MaximumStorageCacheSize": 512,
        "SaveJobs": False,
        "JobsHistorySize": 1,
        "StableAge": 3600,
        "LimitFindResults": 0,
        "LimitFindInstances": 0,
        "CheckRevisions": False,
        "OverwriteInstances": False,
        # What its searches return comes from the database then, not from the files.
        "ExtraMainDicomTags": {
            "Instance": ["Rows", "Columns", "BitsAllocated", "NumberOfFrames"],
            "Series": ["RequestAttributesSequence", "PerformedProcedureStepStartDate"],
            "Study": ["TimezoneOffsetFromUTC"],
        },
        "DicomWeb": {
            "Enable": True,
            "Root": "/dicom-web/",
            "EnableWado": False,
            "StudiesMetadata": "Full",
            "SeriesMetadata": "Full",
            "EnableMetadataCache": True,
            "MetadataWorkerThreadsCount": 2,
            "EnablePerformanceLogs": False,
        },
    }


@contextmanager
def nginx(document: bytes) -> Iterator[Peer]:
    """The machine's floor for sending bytes: nginx with one static file, `/document`."""
    folder, port = Path(mkdtemp(prefix="bench-nginx-")), free_port()
    folder.chmod(0o755)
    (folder / "document").write_bytes(document)
    (folder / "nginx.conf").write_text(_NGINX.format(folder=folder, port=port))
    with _serving([str(NGINX), "-c", str(folder / "nginx.conf")], folder, dict(os.environ)) as process:
        yield _answering(Peer("nginx", port, process, root="", folder=folder), "/document")


_NGINX = """
daemon off;
worker_processes 2;
pid {folder}/pid;
error_log {folder}/log;
events {{ worker_connections 256; }}
http {{
  access_log off;
  sendfile on;
  tcp_nopush on;
  keepalive_requests 1000000;
  client_body_temp_path {folder};
  server {{ listen 127.0.0.1:{port}; root {folder}; }}
}}
"""


@contextmanager
def _serving(command: Sequence[str], folder: Path, environment: dict[str, str]) -> Iterator[psutil.Process]:
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    try:
        yield psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def _answering(peer: Peer, path: str) -> Peer:
    deadline = time.monotonic() + SECONDS_TO_START
    while True:
        try:
            if Client(peer.port).fetch(get(path, "*/*"), keep=False).status in {200, 204}:
                return peer
        except OSError:
            pass
        if time.monotonic() > deadline or not peer.process.is_running():
            raise SystemExit(f"{peer.name} did not start: {(peer.folder / 'log').read_text()[-2000:]}")
        time.sleep(0.05)
