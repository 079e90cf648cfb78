import asyncio
import errno
import os
import stat
import threading
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from app.errors import ObjectExists, ObjectNotFound, StoreUnavailable
from app.storage import keys
from app.storage.disk import DISK
from app.storage.local import LocalStore
from app.storage.object_store import ObjectStore
from app.storage.spool import Spools
from tests.storage.arrange import Watch, left_in, listed, put_through_file, spooled, whole
from tests.storage.conformance import StoreConformance

KEY = "01K9Z3M0000000000000000000"
DURABLE = ["fsync", "mkdir", "fsync_directory", "mkdir", "fsync_directory", "link", "fsync_directory"]


class TestLocalStore(StoreConformance):
    def make(self, folder: Path) -> ObjectStore:
        return LocalStore(folder)


def test_there_is_no_file_of_what_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ObjectNotFound):
        LocalStore(tmp_path).local_path(KEY)


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
def store(tmp_path: Path, watch: Watch) -> LocalStore:
    store = LocalStore(tmp_path / "store", watch.disk())
    watch.calls.clear()
    return store


async def put_bytes(store: ObjectStore, key: str, content: bytes) -> None:
    await store.put(key, spooled(content))


# A temp file is created and written by its spool: test_spool.py.
FAILING = [
    (put_bytes, "create", 0),
    (put_bytes, "write", 0),
    *(
        (put, step, after)
        for put in (put_bytes, put_through_file)
        for step, times in (("fsync", 1), ("mkdir", 2), ("link", 1), ("fsync_directory", 3))
        for after in range(times)
    ),
]


def fail_at(name: str, code: int, after: int = 0) -> Callable[[str], None]:
    """Fail at a call of this name, having let `after` of them pass."""
    seen: list[str] = []

    def before(called: str) -> None:
        if called == name:
            seen.append(called)
            if len(seen) > after:
                raise OSError(code, os.strerror(code))

    return before


async def test_writes_then_syncs_then_names_then_syncs_the_name(store: LocalStore, watch: Watch) -> None:
    await store.put(KEY, spooled(b"content"))
    assert watch.names() == ["create", "write", *DURABLE, "unlink"]
    made = [path for name, path in watch.calls if name in ("link", "fsync_directory", "unlink")]
    root = store.temp.parent / "objects"
    assert made == [root, root / "01K9Z", root / "01K9Z/3M" / KEY, root / "01K9Z/3M", watch.calls[0][1]]
    watch.calls.clear()
    await store.put(KEY[:-1] + "1", spooled(b"content"))
    assert watch.names() == ["create", "write", "fsync", "link", "fsync_directory", "unlink"]


async def test_several_are_written_then_synced_then_named(store: LocalStore, watch: Watch) -> None:
    await store.put(KEY, spooled(b"makes the directory"))
    watch.calls.clear()
    await store.put_all([(KEY[:-1] + digit, spooled(b"content")) for digit in "123"])
    each = [["create", "write"] * 3, ["fsync"] * 3, ["link"] * 3, ["fsync_directory"], ["unlink"] * 3]
    assert watch.names() == [name for names in each for name in names]


@pytest.mark.parametrize(
    ("step", "times"), [("create", 3), ("write", 3), ("fsync", 3), ("link", 3), ("fsync_directory", 1)]
)
async def test_a_failing_step_of_several_leaves_none(
    store: LocalStore, watch: Watch, step: str, times: int
) -> None:
    await store.put(KEY, spooled(b"makes the directory"))
    for after in range(times):
        watch.before = fail_at(step, errno.EIO, after)
        with pytest.raises(StoreUnavailable):
            await store.put_all([(KEY[:-1] + digit, spooled(b"content")) for digit in "123"])
        assert ([key for key, _ in await listed(store)], left_in(store.temp)) == ([KEY], [])


async def test_a_spooled_file_is_named_without_a_copy(store: LocalStore, watch: Watch) -> None:
    async with Spools(store.temp, in_memory=0).open() as spool:
        await spool.write(b"content")
        done = await spool.finish()
        await store.put(KEY, done)
        assert watch.names() == DURABLE
        assert store.local_path(KEY).stat().st_ino == (await spool.path()).stat().st_ino
    assert store.local_path(KEY).stat().st_nlink == 1


@pytest.mark.parametrize("code", [errno.EIO, errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EMFILE])
@pytest.mark.parametrize(("put", "step", "after"), FAILING)
async def test_a_failing_step_leaves_nothing_and_is_a_fact(
    store: LocalStore,
    watch: Watch,
    put: Callable[[ObjectStore, str, bytes], Awaitable[None]],
    step: str,
    after: int,
    code: int,
) -> None:
    watch.before = fail_at(step, code, after)
    with pytest.raises(StoreUnavailable) as raised:
        await put(store, KEY, b"content")
    assert ("full" in raised.value.detail) == (code in (errno.ENOSPC, errno.EDQUOT))
    watch.before = lambda name: None
    assert await listed(store) == []
    assert left_in(store.temp) == []
    await put(store, KEY, b"content")
    assert await whole(store, KEY) == b"content"


async def test_what_cannot_be_removed_stays_unseen_and_is_swept(store: LocalStore, watch: Watch) -> None:
    watch.before = fail_at("unlink", errno.EIO)
    await store.put(KEY, spooled(b"content"))
    (left,) = left_in(store.temp)
    assert await listed(store) == [(KEY, 7)]
    os.utime(left, (0, time.time() - 86_500))
    again = LocalStore(store.temp.parent)
    assert left_in(again.temp) == []
    assert await whole(again, KEY) == b"content"


async def test_sweeps_only_what_is_old(store: LocalStore) -> None:
    old, new, folder = store.temp / "old", store.temp / "new", store.temp / "folder"
    for path in (old, new):
        path.write_bytes(b"left")
    folder.mkdir()
    for path in (old, folder):
        os.utime(path, (0, time.time() - 86_500))
    LocalStore(store.temp.parent)
    assert left_in(store.temp) == [folder, new]


async def test_writes_on_when_a_write_takes_only_part(tmp_path: Path) -> None:
    store = LocalStore(
        tmp_path, replace(DISK, write=lambda descriptor, chunk: os.write(descriptor, chunk[:997]))
    )
    await store.put(KEY, spooled(bytes(range(256)) * 40))
    assert await whole(store, KEY) == bytes(range(256)) * 40


async def test_objects_cannot_be_written_to(store: LocalStore) -> None:
    other = KEY[:-1] + "1"
    await store.put(KEY, spooled(b"content"))
    await put_through_file(store, other, b"content")
    for key in (KEY, other):
        path = store.local_path(key)
        assert stat.S_IMODE(path.stat().st_mode) & 0o337 == 0
        assert path.parent.stat().st_mode & stat.S_IRWXO == 0


async def test_a_missing_folder_is_no_missing_object(store: LocalStore, tmp_path: Path) -> None:
    await store.put(KEY, spooled(b"content"))
    away = (tmp_path / "store").rename(tmp_path / "away")
    other = "01K9Z3N0000000000000000000"
    for asked in (
        store.head(KEY),
        store.read(KEY, 0, 1),
        whole(store, KEY),
        store.put(other, spooled(b"x")),
        store.delete(KEY),
        listed(store),
        store.check(),
    ):
        with pytest.raises(StoreUnavailable):
            await asked
    assert not (tmp_path / "store").exists()
    away.rename(tmp_path / "store")
    assert await whole(store, KEY) == b"content"
    await store.check()
    await store.put(other, spooled(b"x"))


async def test_recovers_when_a_directory_was_removed(store: LocalStore) -> None:
    await store.put(KEY, spooled(b"content"))
    await store.delete(KEY)
    (store.temp.parent / "objects/01K9Z/3M").rmdir()
    with pytest.raises(StoreUnavailable):
        await store.put(KEY, spooled(b"content"))
    await store.put(KEY, spooled(b"content"))
    assert await whole(store, KEY) == b"content"


async def test_strangers_in_the_folder_are_not_objects(store: LocalStore) -> None:
    await store.put(KEY, spooled(b"content"))
    folder = store.local_path(KEY).parent
    for stranger in (folder / ".DS_Store", folder.parent / "README", folder.parent.parent / "lost+found"):
        stranger.write_bytes(b"?")
    (folder / "01K9Z3M0000000000000000001").mkdir()
    assert await listed(store) == [(KEY, 7)]


async def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StoreUnavailable):
        LocalStore(tmp_path / "file" / "store")


async def test_is_not_ready_when_the_disk_is_full(store: LocalStore, watch: Watch) -> None:
    await store.check()
    watch.before = fail_at("write", errno.ENOSPC)
    with pytest.raises(StoreUnavailable, match="full"):
        await store.check()
    assert left_in(store.temp) == []


@pytest.mark.parametrize("step", ["write", "fsync", "link", "fsync_directory", "unlink"])
async def test_a_put_cancelled_at_any_step_leaves_nothing(store: LocalStore, watch: Watch, step: str) -> None:
    await store.put(KEY[:-1] + "1", spooled(b"makes the directory"))
    reached, go = threading.Event(), threading.Event()

    def wait(name: str) -> None:
        if name == step and not reached.is_set():
            reached.set()
            assert go.wait(10)

    watch.before = wait
    putting = asyncio.create_task(store.put(KEY, spooled(b"content")))
    assert await asyncio.to_thread(reached.wait, 10)
    for _ in range(3):
        putting.cancel()
        await asyncio.sleep(0.002)
        assert not putting.done()
    go.set()
    with pytest.raises(asyncio.CancelledError):
        await putting
    assert [key for key, _ in await listed(store)] == [KEY[:-1] + "1"]
    assert left_in(store.temp) == []


async def test_a_cancelled_put_never_removes_the_object_of_another(store: LocalStore, watch: Watch) -> None:
    await store.put(KEY, spooled(b"first"))
    reached, go = threading.Event(), threading.Event()

    def wait(name: str) -> None:
        if name == "link":
            reached.set()
            assert go.wait(10)

    watch.before = wait
    putting = asyncio.create_task(store.put(KEY, spooled(b"second")))
    assert await asyncio.to_thread(reached.wait, 10)
    putting.cancel()
    go.set()
    with pytest.raises(asyncio.CancelledError):
        await putting
    assert await whole(store, KEY) == b"first"


async def test_puts_at_once_share_fsyncs_of_their_directory(store: LocalStore, watch: Watch) -> None:
    await store.put(KEY, spooled(b"makes the directory"))
    watch.calls.clear()
    watch.before = lambda name: time.sleep(0.05 if name == "fsync_directory" else 0)
    await asyncio.gather(*(store.put(f"{KEY[:-2]}{index}", spooled(b"x")) for index in range(10, 42)))
    assert watch.names().count("link") == 32
    assert 1 < watch.names().count("fsync_directory") < 16


async def test_many_calls_leave_no_descriptor_open(store: LocalStore, watch: Watch) -> None:
    async def calls(key: str) -> None:
        await put_through_file(store, key, b"content")
        await store.read(key, 0, 7)
        await whole(store, key)
        with pytest.raises(ObjectExists):
            await store.put(key, spooled(b"again"))
        await store.delete(key)
        with pytest.raises(ObjectNotFound):
            await store.read(key, 0, 7)
        await store.check()

    await calls(keys.fresh())
    before = len(os.listdir("/proc/self/fd"))
    for step in ("fsync", "write", "link"):
        watch.before = fail_at(step, errno.EIO)
        with pytest.raises(StoreUnavailable):
            await store.put(keys.fresh(), spooled(b"content"))
    watch.before = lambda name: None
    await asyncio.gather(*(calls(keys.fresh()) for _ in range(20)))
    assert len(os.listdir("/proc/self/fd")) == before
