"""Azurite, as `package-lock.json` names it: Azure Blob Storage in a passing folder, on a free port."""

import base64
import hashlib
import hmac
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from email.utils import formatdate
from pathlib import Path

import httpx

from tests.live import wait_until
from tests.packages import installed
from tests.ports import free_port
from tests.postgres import _end_with_parent

HERE = Path(__file__).parent
ACCOUNT, CONTAINER = "archive", "objects"
#: What may use the server, as the environment of whoever opens a store on it.
CREDENTIALS = {
    "AZURE_STORAGE_ACCOUNT_NAME": ACCOUNT,
    "AZURE_STORAGE_ACCOUNT_KEY": base64.b64encode(b"the key of this account").decode(),
}
_VERSION = "2023-11-03"


class NoAzuriteError(Exception):
    """Azurite is missing: install Node.js, then `npm ci` in tests/azurite"""


@contextmanager
def azurite() -> Iterator[str]:
    """Run it; gives the endpoint of its account, which has a container. Raises NoAzuriteError."""
    node, port = shutil.which("node"), free_port()
    if not node or not installed(HERE, "azurite"):
        raise NoAzuriteError
    endpoint = f"http://127.0.0.1:{port}/{ACCOUNT}"
    with tempfile.TemporaryDirectory(prefix="azurite-", ignore_cleanup_errors=True) as folder:
        server = _start(node, port, folder)
        try:
            wait_until(lambda: _makes_the_container(endpoint), 60)
            yield endpoint
        finally:
            server.kill()
            server.wait()


def _start(node: str, port: int, folder: str) -> subprocess.Popen[bytes]:
    program = HERE / "node_modules" / "azurite" / "dist" / "src" / "blob" / "main.js"
    command = [node, program, "--blobPort", str(port), "--location", folder, "--silent", "--disableTelemetry"]
    accounts = {"AZURITE_ACCOUNTS": f"{ACCOUNT}:{CREDENTIALS['AZURE_STORAGE_ACCOUNT_KEY']}"}
    quiet = subprocess.DEVNULL
    return subprocess.Popen(
        [*command, "--skipApiVersionCheck"], stdin=quiet, stdout=quiet, stderr=quiet,
        env={**os.environ, **accounts}, start_new_session=True, preexec_fn=_end_with_parent,
    )  # fmt: skip


def _makes_the_container(endpoint: str) -> bool:
    """A request as "Authorize with Shared Key" has it; nothing else here can make a container."""
    headers = {"x-ms-date": formatdate(time.time(), usegmt=True), "x-ms-version": _VERSION}
    named = "".join(f"{name}:{value}\n" for name, value in headers.items())
    text = f"PUT{chr(10) * 12}{named}/{ACCOUNT}/{ACCOUNT}/{CONTAINER}\nrestype:container"
    key = base64.b64decode(CREDENTIALS["AZURE_STORAGE_ACCOUNT_KEY"])
    signed = base64.b64encode(hmac.digest(key, text.encode(), hashlib.sha256)).decode()
    headers["Authorization"] = f"SharedKey {ACCOUNT}:{signed}"
    with suppress(httpx.TransportError):
        made = httpx.put(f"{endpoint}/{CONTAINER}", params={"restype": "container"}, headers=headers)
        return made.raise_for_status().status_code == 201
    return False
