"""A store in a bucket while its server, a real one, is down, still, or full, and afterwards."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Iterator
from pathlib import Path

import pytest

from app.errors import StoreUnavailable
from app.storage import keys, uploads
from app.storage.object_store import PIECE, ObjectStore
from app.storage.open import open_store
from tests.seaweed import CREDENTIALS, Seaweed, seaweed_or_none
from tests.storage.arrange import left_in, listed, spooled, whole
from tests.storage.conformance import LARGE, content_of

KEPT = "01K9Z3M0000000000000000000"
#: Seconds that a request may take here, and that whoever asks waits at most: for one and what is tried again.
PATIENCE, WAITED = 1, 8


@pytest.fixture(scope="module")
def server() -> Iterator[Seaweed]:
    """One that may be stopped, and is running again after each test."""
    with seaweed_or_none() as running:
        yield running


@pytest.fixture
async def store(
    server: Seaweed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[ObjectStore]:
    """A store that holds one object, of two pieces, and looks sooner than others for what was left."""
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(uploads, "_LOOKS", (0, 0.5, 1, 1, 2, 2, 2))
    opened = open_store(f"{server.address(keys.fresh())}&timeout={PATIENCE}", tmp_path)
    await opened.put(KEPT, spooled(content_of(2 * PIECE)))
    yield opened
    await opened.close()
    assert left_in(tmp_path) == []


async def every_verb_is_refused(store: ObjectStore) -> None:
    """But for delete, which a server that is held still may carry out later."""
    content, large = spooled(b"content"), spooled(content_of(LARGE[1]))
    several = [(keys.fresh(), content) for _ in range(100)]
    await asyncio.gather(
        refused_in_time(store.put(keys.fresh(), content)),
        refused_in_time(store.put(keys.fresh(), large)),
        refused_in_time(store.put_all(several)),
        refused_in_time(store.read(KEPT, 0, 7)),
        refused_in_time(whole(store, KEPT)),
        refused_in_time(store.head(KEPT)),
        refused_in_time(listed(store)),
        refused_in_time(store.check()),
    )


async def refused_in_time(asked: Awaitable[object]) -> None:
    began = time.monotonic()
    with pytest.raises(StoreUnavailable) as raised:
        await asked
    assert time.monotonic() - began < WAITED
    said = raised.value.detail
    assert not any(secret in said for secret in ("127.0.0.1", "http", *CREDENTIALS.values()))
    assert raised.value.__cause__ is None
    assert raised.value.__suppress_context__


async def as_before(store: ObjectStore) -> None:
    """The store holds what it held, and takes more; of what was refused nothing turns up that stays."""
    await store.check()
    assert await whole(store, KEPT) == content_of(2 * PIECE)
    for content in (b"small", content_of(LARGE[0])):
        key = keys.fresh()
        await store.put(key, spooled(content))
        assert await whole(store, key) == content
        await store.delete(key)
    for _ in range(100):
        if await listed(store) == [(KEPT, 2 * PIECE)]:
            return
        await asyncio.sleep(0.2)
    assert await listed(store) == [(KEPT, 2 * PIECE)]


async def test_down(store: ObjectStore, server: Seaweed) -> None:
    server.stop()
    try:
        await every_verb_is_refused(store)
        await refused_in_time(store.delete(KEPT))
    finally:
        server.start()
    await as_before(store)


async def test_takes_connections_and_answers_none(store: ObjectStore, server: Seaweed) -> None:
    server.pause()
    try:
        await every_verb_is_refused(store)
    finally:
        server.resume()
    await as_before(store)


async def test_full(store: ObjectStore, server: Seaweed) -> None:
    server.stop()
    server.start(full=True)
    try:
        for content in (content_of(100_000), content_of(LARGE[1])):
            await refused_in_time(store.put(keys.fresh(), spooled(content)))
        await refused_in_time(store.put_all([(keys.fresh(), spooled(content_of(5_000))) for _ in range(20)]))
        assert await whole(store, KEPT) == content_of(2 * PIECE)
    finally:
        server.stop()
        server.start()
    await as_before(store)


async def test_stops_in_the_middle_of_an_upload(store: ObjectStore, server: Seaweed) -> None:
    for wait in (0.05, 0.2):
        putting = asyncio.create_task(store.put(keys.fresh(), spooled(content_of(LARGE[1] * 4))))
        await asyncio.sleep(wait)
        server.stop()
        try:
            await refused_in_time(putting)
        finally:
            server.start()
        await as_before(store)


async def test_an_upload_that_is_left_leaves_no_parts(store: ObjectStore, server: Seaweed) -> None:
    before = server.inside(".uploads")
    putting = asyncio.create_task(store.put(keys.fresh(), spooled(content_of(LARGE[1] * 4))))
    while len(server.inside(".uploads")) == len(before):
        await asyncio.sleep(0.01)
        assert not putting.done()
    putting.cancel()
    await asyncio.wait([putting])
    assert putting.cancelled()
    assert server.inside(".uploads") == before
    await as_before(store)


async def test_stops_in_the_middle_of_a_stream(store: ObjectStore, server: Seaweed) -> None:
    stream = store.stream(KEPT)
    await anext(stream)
    server.stop()
    try:
        # Nothing had been asked for ahead when the server went.
        with pytest.raises(StoreUnavailable):
            await anext(stream)
    finally:
        server.start()
    await as_before(store)


async def test_opens_while_the_server_is_down(server: Seaweed, store: ObjectStore, tmp_path: Path) -> None:
    server.stop()
    try:
        opened = open_store(f"{server.address(keys.fresh())}&timeout={PATIENCE}", tmp_path)
        await refused_in_time(opened.check())
    finally:
        server.start()
    await opened.check()
    await opened.close()


async def test_wrong_credentials(server: Seaweed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", CREDENTIALS["AWS_ACCESS_KEY_ID"])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another-secret-key")
    store = open_store(server.address(), tmp_path)
    with pytest.raises(StoreUnavailable, match="credentials") as raised:
        await store.check()
    assert "another" not in repr(raised.value)
    await store.close()
