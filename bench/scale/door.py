"""The application itself, in this process: all that the server does but its sockets."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from app.main import create_app
from app.settings import Settings

OWNER_TOKEN = "the-owner-of-the-scale-benchmark"


class WrongAnswerError(Exception):
    """The archive and DuckDB differ."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, and how long it took."""

    status: int
    headers: dict[bytes, bytes]
    body: bytes
    seconds: float


@dataclass(frozen=True, slots=True)
class Door:
    """The running application, and each caller's token."""

    app: Any
    tokens: dict[str, str]

    async def ask(
        self, caller: str, path: str, query: str, taken: Callable[[bytes], None] | None = None
    ) -> Answer:
        """One GET. Its body goes to `taken` as it comes, if that is given, and is not kept."""
        return await self._request(_scope("GET", path, query, self.tokens[caller]), b"", taken)

    async def send(self, caller: str, path: str, media_type: str, body: bytes) -> Answer:
        """One POST."""
        scope = _scope("POST", path, "", self.tokens[caller])
        scope["headers"] += [
            (b"content-type", media_type.encode()),
            (b"content-length", str(len(body)).encode()),
        ]
        return await self._request(scope, body)

    async def _request(
        self, scope: dict[str, Any], body: bytes, taken: Callable[[bytes], None] | None = None
    ) -> Answer:
        pieces: list[bytes] = []
        take = taken or pieces.append
        told: dict[str, Any] = {}

        async def send(message: Any) -> None:
            if message["type"] == "http.response.start":
                told.update(message)
            else:
                take(message.get("body", b""))

        began = time.perf_counter()
        await self.app(scope, _receiving(body), send)
        seconds = time.perf_counter() - began
        return Answer(told["status"], dict(told["headers"]), b"".join(pieces), seconds)


@asynccontextmanager
async def opened(url: str, folder: Path, tokens: dict[str, str]) -> AsyncIterator[Door]:
    """The application over this database."""
    settings = Settings(
        data=folder,
        database=SecretStr(url),
        owner_token=SecretStr(OWNER_TOKEN),
        jobs=False,
        log_level="error",
    )
    app = create_app(settings)
    async with app.router.lifespan_context(app):
        yield Door(app, {**tokens, "owner": OWNER_TOKEN})


def _scope(method: str, path: str, query: str, token: str) -> dict[str, Any]:
    headers = [(b"host", b"localhost:8080"), (b"accept", b"application/dicom+json")]
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": query.encode(),
        "headers": [*headers, (b"authorization", f"Bearer {token}".encode())],
        "client": ("127.0.0.1", 50_000),
        "server": ("localhost", 8080),
    }


def _receiving(body: bytes) -> Callable[[], Awaitable[dict[str, Any]]]:
    sent = False

    async def receive() -> dict[str, Any]:
        nonlocal sent
        if sent:
            await asyncio.Event().wait()
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receive
