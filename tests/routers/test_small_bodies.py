"""What is not STOW takes small bodies, whoever sends them."""

from collections.abc import AsyncIterator

import httpx

from app.routers.small_bodies import LARGEST

PATH, HEAD = "/api/v1/collections", {"content-type": "application/json"}


async def _chunks() -> AsyncIterator[bytes]:
    for _ in range(LARGEST // 65536 + 2):
        yield b" " * 65536


async def test_a_long_body_is_refused(client: httpx.AsyncClient) -> None:
    for body in (b" " * (LARGEST + 1), _chunks()):
        answer = await client.post(PATH, content=body, headers=HEAD)
        assert answer.status_code == 413, answer.text
        assert f"{LARGEST:,}" in answer.json()["detail"]


async def test_one_of_that_size_is_read(client: httpx.AsyncClient) -> None:
    body = b'{"slug": "large", "title": "Large", "licence": "CC-BY-4.0"}'
    answer = await client.post(PATH, content=body + b" " * (LARGEST - len(body)), headers=HEAD)
    assert answer.status_code == 201, answer.text
