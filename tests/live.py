"""The archive as its users meet it: listening on a port, in a thread of the tests or as its own process."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import uvicorn

from app.main import create_app
from app.settings import Settings
from tests.ports import free_port


@contextmanager
def serving(settings: Settings) -> Iterator[str]:
    """Serve in a thread; gives the archive's address."""
    config = uvicorn.Config(create_app(settings), host="127.0.0.1", port=0, log_config=None, lifespan="on")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        wait_until(lambda: server.started or not thread.is_alive())
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(20)


class Process:
    """`readingroom serve` as a process that can be killed and started again on the same data."""

    def __init__(
        self,
        data: Path,
        database: str | None = None,
        code: Path | None = None,
        within: Sequence[str] = (),
        module: str = "app",
        **environment: str,
    ) -> None:
        """`code` is the folder of another version of `app`; `within` a command that runs `module`."""
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.environment = {**os.environ, **environment, **({"PYTHONPATH": str(code)} if code else {})}
        self._code = code
        self._within, self._module = within, module
        self._where = ["--data", str(data), *(["--database", database] if database else [])]
        self._log = data.with_name(f"{data.name}.log")
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, seconds: float = 180) -> None:
        """Start, and wait until it is ready."""
        self.launch()
        wait_until(lambda: self.ready() == 200, seconds)

    def launch(self) -> None:
        """Start, whether it will be ready or not."""
        # A file, not a pipe: nobody would empty it, and the server would wait for that.
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                [*self._within, *self.command("serve"), "--port", str(self.port)],
                env=self.environment, cwd=self._code, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip

    def command(self, *words: str) -> list[str]:
        """A command on the same data."""
        return [sys.executable, "-m", self._module, *words, *self._where]

    @property
    def pid(self) -> int:
        assert self.process
        return self.process.pid

    def kill(self) -> None:
        """End it and its workers at once, as a power cut would."""
        assert self.process
        # It may have ended by itself.
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def stop(self) -> int:
        """End it as an operator does; gives the exit code."""
        assert self.process
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(120)

    def ready(self) -> int:
        """What it says of itself: 200, or 503; 0 while it does not answer. Fails where it has ended."""
        assert self.process
        assert self.process.poll() is None, self._log.read_text()
        # Most looks come before it listens: they are to cost it nothing.
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", self.port)):
                return 0
        try:
            return httpx.get(f"{self.url}/readyz").status_code
        except httpx.TransportError:
            return 0


def start_together(processes: Sequence[Process], seconds: float = 300) -> None:
    """Start several, and wait until all of them answer."""
    with ThreadPoolExecutor(len(processes)) as pool:
        list(pool.map(lambda each: each.start(seconds), processes))


def wait_until(true: object, seconds: float = 120) -> None:
    """Wait for a condition, a callable; fails when it does not come true."""
    assert callable(true)
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.02)


async def until(true: Callable[[], object], seconds: float = 60) -> None:
    """The same where an event loop is to go on meanwhile."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "waited too long"
        await asyncio.sleep(0.005)
