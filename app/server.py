"""Serving: settings checked, the port taken, the schema brought up to date, then one or several workers."""

import asyncio
import os
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.client import HTTPConnection, HTTPException
from importlib.metadata import version
from ipaddress import ip_address
from secrets import token_hex
from tempfile import TemporaryDirectory

import uvicorn
from pydantic import SecretStr
from rich.console import Console
from uvicorn.supervisors import Multiprocess

from app import logs
from app.connections import Connection
from app.connections.patience import Patience
from app.database import migrate
from app.errors import Misconfigured
from app.settings import Settings

BACKLOG = 2048
#: Longer than proxies keep an idle connection, so that none sends a request just as it is closed.
KEEP_ALIVE_SECONDS = 75
SECONDS_TO_START = 120


def serve(settings: Settings, console: Console) -> None:
    """Serve until told to stop. Raises Misconfigured or DatabaseUnavailable before anything listens."""
    settings.check_servable()
    keep_decoders_out()
    if settings.log_key is None:
        settings = settings.model_copy(update={"log_key": SecretStr(token_hex(32))})
    with listener(settings) as bound, _environment(settings):
        asyncio.run(migrate(settings.database_url))
        try:
            with _announcing(settings, bound, console):
                _run(settings, bound)
        except KeyboardInterrupt:
            console.print("Stopped.")


def keep_decoders_out() -> None:
    """Before pydicom is imported: it loads every decoder that it finds, and gdcm's alone takes 19 MiB.

    Here codecs run in processes of their own, which load them.
    """
    sys.modules.setdefault("gdcm", None)  # type: ignore[arg-type]


def listener(settings: Settings) -> socket.socket:
    """The socket to listen on. Raises Misconfigured where the port is taken or the address is not ours."""
    host = settings.host.strip("[]")
    try:
        family, *_, address = socket.getaddrinfo(
            host or None, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        return socket.create_server(address[:2], family=family, backlog=BACKLOG)
    except OSError as error:
        reason = os.strerror(error.errno).lower() if error.errno and error.errno > 0 else "no such address"
        raise Misconfigured(
            f"Cannot listen on {host} port {settings.port} ({reason}): stop what uses it, or choose another "
            "with --port or --host."
        ) from None


@contextmanager
def _environment(settings: Settings) -> Iterator[None]:
    # Workers are new processes: the environment brings them the settings and a folder for common metrics.
    given = dict(os.environ)
    os.environ.update(settings.environment())
    try:
        if settings.workers == 1:
            yield
        else:
            with TemporaryDirectory(prefix="readingroom-metrics-") as folder:
                os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder
                yield
    finally:
        os.environ.clear()
        os.environ.update(given)


def configuration(settings: Settings, *, logging: bool = True) -> uvicorn.Config:
    """How uvicorn serves: one worker or several, each with the patience that the settings give it.

    Without `logging` it leaves the process's logging as it is.
    """
    patience = Patience(
        settings.head_seconds,
        settings.stall_seconds,
        settings.slowest_bytes_per_second,
        settings.drain_seconds,
    )
    return uvicorn.Config(
        "app.worker:served_app",
        factory=True,
        http=partial(Connection, patience=patience),  # type: ignore[arg-type]
        workers=settings.workers,
        ws="none",
        lifespan="on",
        access_log=False,
        log_config=logs.configuration(settings.log_level, settings.log_format) if logging else None,
        # Whose word is taken for the public address is decided in one place, app.wire.forwarded.
        proxy_headers=False,
        server_header=False,
        limit_concurrency=settings.max_connections,
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=settings.graceful_shutdown_seconds,
    )


def _run(settings: Settings, bound: socket.socket) -> None:
    config = configuration(settings)
    if settings.workers > 1:
        bound.set_inheritable(True)
        _Workers(config, sockets=[bound]).run()
    else:
        uvicorn.Server(config).run(sockets=[bound])


class _Workers(Multiprocess):
    """Several processes at one port, which a stop closes, for who comes meanwhile to ask elsewhere."""

    def terminate_all(self) -> None:
        for each in self.sockets:
            each.close()
        super().terminate_all()


@contextmanager
def _announcing(settings: Settings, bound: socket.socket, console: Console) -> Iterator[None]:
    """Say where to look once it answers; whatever happens within, nothing is said after it."""
    stopped = threading.Event()
    thread = threading.Thread(target=_announce, args=(settings, bound, stopped, console), daemon=True)
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        thread.join()


def _announce(settings: Settings, bound: socket.socket, stopped: threading.Event, console: Console) -> None:
    port = bound.getsockname()[1]
    for _ in range(SECONDS_TO_START * 5):
        if stopped.wait(0.2):
            return
        if _answers(settings.host, port):
            console.print(greeting(settings, port), markup=False, highlight=False, soft_wrap=True)
            return


def _answers(host: str, port: int) -> bool:
    connection = HTTPConnection(reachable(host), port, timeout=1)
    try:
        connection.request("GET", "/healthz", headers={"Host": f"localhost:{port}"})
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


def reachable(host: str) -> str:
    """The address at which this machine reaches what listens on `host`."""
    host = host.strip("[]")
    try:
        address = ip_address(host or "0.0.0.0")  # noqa: S104  # compared with, not listened on
    except ValueError:
        return host
    if address.is_unspecified:
        return "127.0.0.1" if address.version == 4 else "::1"
    return host


def greeting(settings: Settings, port: int) -> str:
    """Where to look and how to begin, once it listens."""
    host = reachable(settings.host)
    url = settings.public_url or f"http://{f'[{host}]' if ':' in host else host}:{port}"
    token = " --token $READINGROOM_OWNER_TOKEN" if settings.owner_token else ""
    header = ' -H "Authorization: Bearer $READINGROOM_OWNER_TOKEN"' if settings.owner_token else ""
    studies = f"{url}/dicom-web/studies"
    lines = {
        "DICOMweb": f"{url}/dicom-web",
        "Look": f"{url}/viewer",
        "API": f"{url}/docs",
        "Fill it": f"readingroom demo --url {url}{token}",
        "Store": f"curl{header} -H 'Content-Type: application/dicom' --data-binary @FILE {studies}",
        "Find": f"curl{header} {studies}",
        "Stop": "Ctrl+C",
    }
    head = f"Reading Room {version('readingroom')}, for research, not for diagnosis"
    return "\n".join([head, *(f"  {name:<10}{line}" for name, line in lines.items())])
