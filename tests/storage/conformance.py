"""The contract of `ObjectStore`, as tests: a new store subclasses this and says how to make one."""

import asyncio
import tempfile
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.errors import InvalidKey, ObjectExists, ObjectNotFound, ObjectTruncated
from app.storage import keys
from app.storage.object_store import PIECE, ObjectStore
from app.storage.open import as_path
from app.storage.spool import Spools
from tests.storage.arrange import left_in, listed, put_through_file, spooled, taken, whole

ODD_KEYS = (
    "",
    ".",
    "..",
    "/",
    "../../../../etc/passwd",
    "01K9ZZZZZZZZZZZZZZZZZZZZZ",
    "01K9ZZZZZZZZZZZZZZZZZZZZZZZ",
    "01K9ZZZZZZZZZZZZZZZZZZZZZZ\n",
    "01k9zzzzzzzzzzzzzzzzzzzzzz",
    "01K9ZZZZZZZZ/ZZZZZZZZZZZZZ",
    "01K9ZZZZZZZZ\0ZZZZZZZZZZZZZ",
    "81K9ZZZZZZZZZZZZZZZZZZZZZZ",
    "01K9ZZZZZZZZZZZZZZZZZZZZZU",
    "٠١K9ZZZZZZZZZZZZZZZZZZZZZZ",
    "\udc80" * 26,
    "0" * 100_000,
)
SIZES = (0, 1, 4095, 4096, 100_000, PIECE - 1, PIECE, PIECE + 1, 2 * PIECE + 7)
#: More than any store puts in one piece.
LARGE = ((8 << 20) + 1, 33 << 20)
BEYOND = ((0, 11), (10, 1), (11, 0), (5, 2**31), (5, 2**63), (2**70, 1), (-1, 1), (0, -1), (3, -3), (-5, 5))


def content_of(size: int, seed: int = 0) -> bytes:
    return Random(seed).randbytes(size)


async def outcome_of(store: ObjectStore, key: str, content: bytes) -> bool:
    """Whether this writer won."""
    try:
        await store.put(key, spooled(content))
    except ObjectExists:
        return False
    return True


class StoreConformance(ABC):
    """What every store keeps to; a test class brings `make` (and `store`, where closing needs more)."""

    @abstractmethod
    def make(self, folder: Path) -> ObjectStore: ...

    @pytest.fixture
    async def store(self, tmp_path: Path) -> AsyncIterator[ObjectStore]:
        store = self.make(tmp_path / "store")
        yield store
        assert left_in(store.temp) == []
        await store.close()

    @pytest.mark.parametrize("size", SIZES)
    async def test_gives_back_what_was_put(self, store: ObjectStore, size: int) -> None:
        key, content = keys.fresh(), content_of(size)
        await store.put(key, spooled(content))
        assert await store.head(key) == size
        assert await store.read(key, 0, size) == content
        assert await whole(store, key) == content
        assert await listed(store) == [(key, size)]
        async with as_path(store, key) as path:
            assert path.read_bytes() == content

    @pytest.mark.parametrize("size", SIZES[1:])
    async def test_takes_a_temp_file(self, store: ObjectStore, size: int) -> None:
        key, content = keys.fresh(), content_of(size)
        await put_through_file(store, key, content)
        assert await whole(store, key) == content

    async def test_takes_a_file_from_elsewhere(self, store: ObjectStore, tmp_path: Path) -> None:
        elsewhere = tmp_path / "elsewhere"
        elsewhere.write_bytes(content_of(3 << 20))
        key = keys.fresh()
        await store.put(key, spooled(elsewhere))
        assert elsewhere.read_bytes() == content_of(3 << 20) == await whole(store, key)

    async def test_a_put_leaves_the_spool_to_its_owner(self, store: ObjectStore) -> None:
        first, second = keys.fresh(), keys.fresh()
        async with Spools(store.temp, in_memory=0).open() as spool:
            await spool.write(b"twice")
            for key in (first, second):
                await store.put(key, await spool.finish())
            assert bytes(spool.view()) == b"twice"
        await store.delete(first)
        assert await whole(store, second) == b"twice"

    async def test_puts_only_where_nothing_is(self, store: ObjectStore) -> None:
        key = keys.fresh()
        await store.put(key, spooled(b"first"))
        for content in (b"second", b"first", b""):
            with pytest.raises(ObjectExists):
                await store.put(key, spooled(content))
        with pytest.raises(ObjectExists):
            await put_through_file(store, key, b"third")
        assert await whole(store, key) == b"first"

    async def test_puts_several_or_none(self, store: ObjectStore) -> None:
        some = [keys.fresh() for _ in range(5)]
        await store.put_all([(key, spooled(key.encode())) for key in some])
        assert [await whole(store, key) for key in some] == [key.encode() for key in some]
        more = [keys.fresh(), keys.fresh(), some[3], keys.fresh()]
        with pytest.raises(ObjectExists):
            await store.put_all([(key, spooled(b"other")) for key in more])
        assert [key for key, _ in await listed(store)] == sorted(some)
        assert await whole(store, some[3]) == some[3].encode()
        with pytest.raises(ObjectExists):
            await store.put_all([(more[0], spooled(b"once")), (more[0], spooled(b"twice"))])
        assert [key for key, _ in await listed(store)] == sorted(some)

    async def test_one_of_many_writers_of_a_key_wins(self, store: ObjectStore) -> None:
        contents = [content_of(200_000, seed) for seed in range(12)]
        for _ in range(5):
            key = keys.fresh()
            won = await asyncio.gather(*(outcome_of(store, key, content) for content in contents))
            assert won.count(True) == 1
            assert await whole(store, key) == contents[won.index(True)]

    async def test_many_writers_at_once(self, store: ObjectStore) -> None:
        contents = {keys.fresh(): content_of(seed * 997, seed) for seed in range(100)}
        await asyncio.gather(*(store.put(key, spooled(content)) for key, content in contents.items()))
        assert await listed(store) == sorted((key, len(content)) for key, content in contents.items())
        read = await asyncio.gather(*(whole(store, key) for key in contents))
        assert read == list(contents.values())

    async def test_readers_see_the_whole_object_or_none(self, store: ObjectStore) -> None:
        content = content_of(PIECE + 5)
        for _ in range(10):
            key = keys.fresh()
            writing = asyncio.create_task(store.put(key, spooled(content)))
            while not writing.done():
                await asyncio.sleep(0)
                try:
                    assert await store.head(key) == len(content)
                    assert await whole(store, key) == content
                except ObjectNotFound:
                    continue
            await writing
            assert await store.head(key) == len(content)

    async def test_what_is_not_there(self, store: ObjectStore) -> None:
        for key in (keys.fresh(), "00000000000000000000000000", "7ZZZZZZZZZZZZZZZZZZZZZZZZZ"):
            with pytest.raises(ObjectNotFound):
                await store.head(key)
            with pytest.raises(ObjectNotFound):
                await store.read(key, 0, 0)
            with pytest.raises(ObjectNotFound):
                await whole(store, key)
            with pytest.raises(ObjectNotFound):
                async with as_path(store, key):
                    pytest.fail("opened")
            await store.delete(key)
        assert await listed(store) == []

    @pytest.mark.parametrize("key", ODD_KEYS)
    async def test_refuses_what_is_not_a_key(self, store: ObjectStore, key: str) -> None:
        with pytest.raises(InvalidKey):
            await store.put(key, spooled(b"x"))
        with pytest.raises(InvalidKey):
            await store.head(key)
        with pytest.raises(InvalidKey):
            await store.read(key, 0, 1)
        with pytest.raises(InvalidKey):
            await whole(store, key)
        with pytest.raises(InvalidKey):
            store.local_path(key)
        with pytest.raises(InvalidKey):
            await store.delete(key)
        assert [found for found in await listed(store, key) if key] == []

    @pytest.mark.parametrize(("offset", "length"), BEYOND)
    async def test_ranges_that_are_not_there(self, store: ObjectStore, offset: int, length: int) -> None:
        key = keys.fresh()
        await store.put(key, spooled(b"0123456789"))
        with pytest.raises(ObjectTruncated):
            await store.read(key, offset, length)
        with pytest.raises(ObjectTruncated):
            await anext(store.stream(key, offset, length))
        with pytest.raises(ObjectTruncated):
            await anext(store.ranges(key, offset, length))

    async def test_ranges(self, store: ObjectStore) -> None:
        key, content = keys.fresh(), content_of(2 * PIECE + 100)
        await store.put(key, spooled(content))
        random, total = Random(1), 2 * PIECE + 100
        for _ in range(40):
            start, end = sorted(
                random.choices((0, 1, PIECE - 1, PIECE, PIECE + 1, random.randrange(total), total), k=2)
            )
            assert await store.read(key, start, end - start) == content[start:end]
            pieces = [piece async for piece in store.stream(key, start, end - start)]
            assert b"".join(pieces) == content[start:end]
            assert all(len(piece) == PIECE for piece in pieces[:-1])
            assert b"".join([piece async for piece in store.stream(key, start)]) == content[start:]
            sent = [taken(piece) async for piece in store.ranges(key, start, end - start)]
            assert b"".join(sent) == content[start:end]
            assert all(len(piece) == PIECE for piece in sent[:-1])

    async def test_a_stream_may_be_left(self, store: ObjectStore) -> None:
        key = keys.fresh()
        await store.put(key, spooled(content_of(2 * PIECE)))
        async with aclosing(store.stream(key)) as stream:
            assert len(await anext(stream)) == PIECE
        await store.delete(key)

    async def test_lists_in_order_of_key_past_a_thousand(self, store: ObjectStore) -> None:
        made = sorted(f"01K9Z{index % 7:021d}" if index % 2 else keys.fresh() for index in range(1_050))
        made = sorted(set(made))
        await asyncio.gather(*(store.put(key, spooled(key.encode())) for key in made))
        assert [key for key, _ in await listed(store)] == made
        for prefix in (
            "0",
            "01",
            "01K9Z",
            "01K9Z00",
            made[-1][:6],
            made[-1][:9],
            made[-1],
            made[0] + "0",
            "zz",
            "..",
            "%",
            "/",
        ):
            assert [key for key, _ in await listed(store, prefix)] == [
                key for key in made if key.startswith(prefix)
            ]

    async def test_delete(self, store: ObjectStore) -> None:
        kept, gone = keys.fresh(), keys.fresh()
        for key in (kept, gone):
            await store.put(key, spooled(b"content"))
        await asyncio.gather(*(store.delete(gone) for _ in range(4)))
        with pytest.raises(ObjectNotFound):
            await store.head(gone)
        assert await listed(store) == [(kept, 7)]

    async def test_a_cancelled_put_leaves_nothing(self, store: ObjectStore) -> None:
        content = spooled(content_of(300_000))
        for wait in (0, 0, 0.0001, 0.0003, 0.0006, 0.001, 0.0015, 0.002, 0.003):
            key = keys.fresh()
            putting = asyncio.create_task(store.put(key, content))
            await asyncio.sleep(wait)
            putting.cancel()
            await asyncio.wait([putting])
            if putting.cancelled():
                with pytest.raises(ObjectNotFound):
                    await store.head(key)
            else:
                assert await store.head(key) == 300_000

    @pytest.mark.parametrize("size", LARGE)
    async def test_gives_back_what_is_large(self, store: ObjectStore, tmp_path: Path, size: int) -> None:
        key, content = keys.fresh(), content_of(size)
        elsewhere = tmp_path / "elsewhere"
        elsewhere.write_bytes(content)
        await store.put(key, spooled(elsewhere))
        assert await store.read(key, size - 10, 10) == content[-10:]
        assert await whole(store, key) == content
        assert await listed(store) == [(key, size)]
        with pytest.raises(ObjectExists):
            await store.put(key, spooled(b"small"))
        assert await store.head(key) == size

    async def test_one_of_many_large_and_small_writers_wins(self, store: ObjectStore) -> None:
        contents = [content_of(size, seed) for seed, size in enumerate((LARGE[0], 10, LARGE[1], 100_000))]
        random = Random(2)
        for _ in range(3):
            key, order = keys.fresh(), random.sample(contents, 4)
            won = await asyncio.gather(*(outcome_of(store, key, content) for content in order))
            assert won.count(True) == 1
            assert await whole(store, key) == order[won.index(True)]

    async def test_nobody_sees_a_large_object_before_it_is_whole(self, store: ObjectStore) -> None:
        key, content = keys.fresh(), content_of(LARGE[1])
        putting = asyncio.create_task(store.put(key, spooled(content)))
        while not putting.done():
            await asyncio.sleep(0)
            found = await listed(store)
            assert found in ([], [(key, len(content))])
            try:
                assert await store.head(key) == len(content)
                assert await store.read(key, len(content) - 1, 1) == content[-1:]
            except ObjectNotFound:
                assert found == []
        await putting
        assert await whole(store, key) == content

    async def test_a_large_put_that_is_cancelled_leaves_nothing(self, store: ObjectStore) -> None:
        content = spooled(content_of(LARGE[1]))
        for wait in (0, 0.001, 0.005, 0.02, 0.05, 0.1):
            key = keys.fresh()
            putting = asyncio.create_task(store.put_all([(keys.fresh(), spooled(b"x")), (key, content)]))
            await asyncio.sleep(wait)
            putting.cancel()
            await asyncio.wait([putting])
            if putting.cancelled():
                with pytest.raises(ObjectNotFound):
                    await store.head(key)
                assert await listed(store) == []
            else:
                assert await whole(store, key) == content.content
                for each, _ in await listed(store):
                    await store.delete(each)

    async def test_is_ready(self, store: ObjectStore) -> None:
        await store.check()

    def test_behaves_like_a_dictionary(self) -> None:
        # The property is made here because hypothesis wants one of its own for each class that inherits it.
        @settings(deadline=None, max_examples=25)
        @given(data=st.data())
        def holds(data: st.DataObject) -> None:
            with tempfile.TemporaryDirectory() as folder:
                asyncio.run(self._walk(self.make(Path(folder)), data))

        holds()

    async def _walk(self, store: ObjectStore, data: st.DataObject) -> None:
        model: dict[str, bytes] = {}
        made = [f"01K9Z{index:02d}{index:019d}" for index in range(4)]
        for verb in data.draw(
            st.lists(st.sampled_from(("put", "file", "delete", "read", "list")), max_size=12)
        ):
            key = data.draw(st.sampled_from(made))
            if verb in ("put", "file"):
                content = data.draw(st.binary(min_size=1, max_size=300))
                putting = (
                    store.put(key, spooled(content))
                    if verb == "put"
                    else put_through_file(store, key, content)
                )
                try:
                    await putting
                    assert key not in model
                    model[key] = content
                except ObjectExists:
                    assert key in model
            elif verb == "delete":
                await store.delete(key)
                model.pop(key, None)
            elif verb == "read" and key in model:
                start, end = sorted(data.draw(st.tuples(*[st.integers(0, len(model[key]))] * 2)))
                assert await store.read(key, start, end - start) == model[key][start:end]
            else:
                prefix = key[: data.draw(st.integers(0, 26))]
                assert await listed(store, prefix) == sorted(
                    (key, len(content)) for key, content in model.items() if key.startswith(prefix)
                )
        await store.close()
