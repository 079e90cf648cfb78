"""Work for a client who has left is given up; work for one who waits is not."""

import asyncio
from types import SimpleNamespace

import pytest
from fastapi import Request
from starlette.requests import ClientDisconnect
from starlette.types import Message

from app.errors import TooMuchToConvert
from app.index.scope import ARCHIVE
from app.routers import attended as room
from app.routers.attended import attended
from app.services.root import Root
from app.viewer import OWNER


def request(*, leaves: bool) -> Request:
    async def receive() -> Message:
        if not leaves:
            await asyncio.Event().wait()
        return {"type": "http.disconnect"}

    return Request({"type": "http", "method": "GET", "path": "/", "headers": []}, receive)


def root(seconds: float = 60) -> Root:
    archive = SimpleNamespace(settings=SimpleNamespace(conversion_seconds=seconds))
    return Root(archive, ARCHIVE, OWNER, "", "", "")  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "SECONDS", 0.01)


async def test_who_leaves_frees_the_work() -> None:
    ended = asyncio.Event()

    async def endless() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    with pytest.raises(ClientDisconnect):
        await attended(request(leaves=True), root(), endless())
    await asyncio.wait_for(ended.wait(), 60)


async def test_who_waits_gets_the_answer_or_the_error() -> None:
    async def slow(result: int) -> int:
        await asyncio.sleep(0.05)
        return 1 // result

    assert await attended(request(leaves=False), root(), slow(1)) == 1
    with pytest.raises(ZeroDivisionError):
        await attended(request(leaves=False), root(), slow(0))


async def test_what_takes_too_long_is_given_up_with_a_way_out() -> None:
    ended = asyncio.Event()

    async def endless() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    with pytest.raises(TooMuchToConvert, match=r"longer than 0\.05 seconds.*transfer-syntax=\*"):
        await attended(request(leaves=False), root(0.05), endless())
    await asyncio.wait_for(ended.wait(), 60)


async def test_a_timeout_of_the_work_itself_stays_one() -> None:
    async def out_of_time() -> None:
        raise TimeoutError

    with pytest.raises(TimeoutError):
        await attended(request(leaves=False), root(), out_of_time())
