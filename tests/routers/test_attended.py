"""Work for a client who has left is given up; work for one who waits is not."""

import asyncio

import pytest
from fastapi import Request
from starlette.requests import ClientDisconnect
from starlette.types import Message

from app.routers import attended as room
from app.routers.attended import attended


def request(*, leaves: bool) -> Request:
    async def receive() -> Message:
        if not leaves:
            await asyncio.Event().wait()
        return {"type": "http.disconnect"}

    return Request({"type": "http", "method": "GET", "path": "/", "headers": []}, receive)


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
        await attended(request(leaves=True), endless())
    await asyncio.wait_for(ended.wait(), 1)


async def test_who_waits_gets_the_answer_or_the_error() -> None:
    async def slow(result: int) -> int:
        await asyncio.sleep(0.05)
        return 1 // result

    assert await attended(request(leaves=False), slow(1)) == 1
    with pytest.raises(ZeroDivisionError):
        await attended(request(leaves=False), slow(0))
