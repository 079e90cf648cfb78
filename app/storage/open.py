"""Opening a store by its address, and an object as a file."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import unquote

from app.errors import Misconfigured
from app.storage.disk import DISK, TempFile, facts
from app.storage.local import LocalStore
from app.storage.memory import MemoryStore
from app.storage.object_store import ObjectStore
from app.storage.threads import in_thread


def open_store(address: str, temp: Path) -> ObjectStore:
    """The store at an address: a folder's path, `file:///folder`, `memory:`, or a bucket's.

    A store that is no folder has its temp files in `temp`. Raises Misconfigured, StoreUnavailable.
    """
    if address == "memory:":
        return MemoryStore(temp)
    if address.partition("://")[0] in {"s3", "gs", "az"}:
        return _open_remote(address, temp)
    folder = _folder(address)
    if not folder or "\0" in folder:
        raise Misconfigured(
            "The store's address is none of these: a folder's path, file:///folder, memory:, "
            "s3://bucket/prefix, gs://bucket/prefix, az://container/prefix"
        )
    return LocalStore(Path(folder))


def _open_remote(address: str, temp: Path) -> ObjectStore:
    # Only here: who keeps objects in a folder need not load the library for the others.
    from app.storage import bucket
    from app.storage.remote import RemoteStore

    found = bucket.parse(address)
    opened, known = bucket.open_bucket(found), found.for_clients
    signing = opened if known is found else bucket.open_bucket(known)
    return RemoteStore(opened, temp, found.patience, signing)


def _folder(address: str) -> str:
    """The path of an address that names a folder of this machine, or nothing."""
    scheme, url, rest = address.partition("://")
    if not url:
        return address
    host, root, path = rest.partition("/")
    return unquote(root + path) if scheme == "file" and host in ("", "localhost") else ""


@asynccontextmanager
async def as_path(store: ObjectStore, key: str) -> AsyncIterator[Path]:
    """A file of the object while the block lasts, to be read only: its own, or a copy that then goes.

    Raises what `ObjectStore.stream` does.
    """
    own = store.local_path(key)
    if own is not None:
        yield own
        return
    with facts():
        copy = await in_thread(TempFile, DISK, store.temp)
    try:
        with facts():
            async for piece in store.stream(key):
                await in_thread(copy.write, piece)
            copy.close()
        yield copy.path
    finally:
        await in_thread(copy.remove)
