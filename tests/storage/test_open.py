import errno
import os
from pathlib import Path

import pytest

from app.errors import Misconfigured, ObjectNotFound
from app.storage import keys
from app.storage.local import LocalStore
from app.storage.memory import MemoryStore
from app.storage.open import as_path, open_store
from tests.storage.arrange import left_in, spooled


@pytest.mark.parametrize("form", ["{}", "file://{}", "file://localhost{}"])
def test_a_folder(tmp_path: Path, form: str) -> None:
    store = open_store(form.format(tmp_path / "the store"), tmp_path / "temp")
    assert isinstance(store, LocalStore)
    assert store.temp == tmp_path / "the store" / "temp"


def test_an_escaped_url(tmp_path: Path) -> None:
    assert open_store(f"file://{tmp_path}/a%20b", tmp_path).temp == tmp_path / "a b" / "temp"


def test_a_relative_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert open_store("objects: mine", tmp_path).temp == tmp_path / "objects: mine" / "temp"


def test_memory(tmp_path: Path) -> None:
    store = open_store("memory:", tmp_path / "temp")
    assert isinstance(store, MemoryStore)
    assert store.temp.is_dir()


@pytest.mark.parametrize(
    "address", ["", "ftp://host/folder", "file://otherhost/folder", "file://", "http://[x", "file:///a%00"]
)
def test_others_are_named(tmp_path: Path, address: str) -> None:
    with pytest.raises(Misconfigured, match="memory:"):
        open_store(address, tmp_path)


async def test_the_file_of_a_local_object_is_its_own(tmp_path: Path) -> None:
    store, key = LocalStore(tmp_path), keys.fresh()
    await store.put(key, spooled(b"content"))
    async with as_path(store, key) as path:
        assert path == store.local_path(key)
    assert path.read_bytes() == b"content"


async def test_a_copy_goes_again(tmp_path: Path) -> None:
    store, key = MemoryStore(tmp_path), keys.fresh()
    await store.put(key, spooled(b"content"))

    async def use() -> None:
        async with as_path(store, key) as path:
            assert path.parent == tmp_path
            assert path.read_bytes() == b"content"
            raise OSError(errno.EIO, "codec")

    with pytest.raises(OSError, match="codec"):
        await use()
    assert left_in(tmp_path) == []
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(ObjectNotFound):
        async with as_path(store, keys.fresh()):
            pytest.fail("opened")
    assert len(os.listdir("/proc/self/fd")) == before
