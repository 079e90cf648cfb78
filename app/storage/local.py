"""Objects as files in a folder of this machine.

`objects/` holds them under their keys, `temp/` what is on its way in. A put writes a temp file, fsyncs it,
links it to its final name and fsyncs the directory: an object is visible only when it is whole, and
acknowledged only when its bytes and its name survive a power cut. A link, unlike a rename, never replaces.
Several go through these steps side by side: all are written before the first fsync, so that the disk takes
them at once, and one fsync of their directory is enough for all.
"""

import asyncio
import os
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TypeVar

from app.errors import Fact, ObjectExists, ObjectNotFound, StoreUnavailable
from app.storage import keys
from app.storage.directory import Directories, make
from app.storage.disk import DISK, FileSystem, TempFile, fact, facts, sweep, sync_file
from app.storage.listing import folders, objects
from app.storage.object_store import PIECE, FileRange
from app.storage.reading import WORTHWHILE, Reader, in_memory, require
from app.storage.spool import Spooled, pieces
from app.storage.threads import in_thread

T = TypeVar("T")


class LocalStore:
    """An `ObjectStore` in the folder `root`, which any number of processes may share.

    Raises StoreUnavailable when the folder cannot be made or read.
    """

    def __init__(self, root: Path, disk: FileSystem = DISK) -> None:
        self._disk = disk
        self._objects = root.absolute() / "objects"
        self._temp = root.absolute() / "temp"
        with facts():
            root.mkdir(parents=True, exist_ok=True)
            make(disk, self._objects)
            make(disk, self._temp)
            sweep(self._temp)
        self._directories = Directories(disk, self._objects)
        self._reader = Reader(PIECE)

    @property
    def temp(self) -> Path:
        return self._temp

    async def put(self, key: str, spooled: Spooled) -> None:
        await self.put_all([(key, spooled)])

    async def put_all(self, objects: Sequence[tuple[str, Spooled]]) -> None:
        names = [keys.check(key) for key, _ in objects]
        stored = threading.Event()
        try:
            await in_thread(self._put_all, names, [spooled.content for _, spooled in objects], stored)
        except asyncio.CancelledError:
            if stored.is_set():
                for key in names:
                    await in_thread(self._delete, key)
            raise

    async def read(self, key: str, offset: int, length: int) -> bytes:
        with self._opened(key) as descriptor:
            return await self._reader.read(descriptor, offset, length)

    async def stream(
        self, key: str, offset: int = 0, length: int | None = None
    ) -> AsyncGenerator[bytes, None]:
        with self._opened(key) as descriptor:
            end = os.fstat(descriptor).st_size if length is None else offset + length
            require(descriptor, offset, end - offset)
            for start in range(offset, end, PIECE):
                yield await self._reader.read(descriptor, start, min(PIECE, end - start))

    async def ranges(self, key: str, offset: int, length: int) -> AsyncGenerator[bytes | FileRange, None]:
        with self._opened(key) as descriptor:
            require(descriptor, offset, length)
            for start in range(offset, offset + length, PIECE):
                size = min(PIECE, offset + length - start)
                if size >= WORTHWHILE and in_memory(descriptor, start, size):
                    yield FileRange(descriptor, start, size)
                else:
                    yield await self._reader.read(descriptor, start, size)

    async def head(self, key: str) -> int:
        with self._reading(key):
            return os.stat(self._file(key)).st_size

    async def list(self, prefix: str = "") -> AsyncIterator[tuple[str, int]]:
        for coarse in await self._walk(folders, "", prefix[: keys.COARSE]):
            for fine in await self._walk(folders, coarse, prefix[keys.COARSE : keys.FINE]):
                for found in await self._walk(objects, f"{coarse}/{fine}", prefix):
                    yield found

    async def delete(self, key: str) -> None:
        await in_thread(self._delete, keys.check(key))

    def local_path(self, key: str) -> Path:
        with self._reading(key):
            path = Path(self._file(key))
            path.stat()
            return path

    async def link(self, key: str, seconds: int) -> None:
        keys.check(key)

    async def check(self) -> None:
        await in_thread(self._check)

    async def close(self) -> None:
        """Nothing to let go of: descriptors are closed by each call."""

    def _file(self, key: str) -> str:
        # Not pathlib, which takes longer to join these than the system to open the file.
        return f"{self._objects}/{keys.directory(key)}/{key}"

    @contextmanager
    def _opened(self, key: str) -> Iterator[int]:
        with self._reading(key):
            descriptor = os.open(self._file(key), os.O_RDONLY | os.O_CLOEXEC)
            try:
                yield descriptor
            finally:
                os.close(descriptor)

    @contextmanager
    def _reading(self, key: str) -> Iterator[None]:
        keys.check(key)
        try:
            yield
        except FileNotFoundError:
            raise self._missing() from None
        except OSError as error:
            raise fact(error) from error

    def _missing(self) -> Fact:
        """Where the whole folder is gone a disk is not mounted: that is no answer about an object."""
        if self._objects.is_dir():
            return ObjectNotFound()
        return StoreUnavailable("The folder of the object store is not there; is its disk mounted?")

    async def _walk(self, look: Callable[[Path, str], T], folder: str, prefix: str) -> T:
        with facts():
            found = await in_thread(look, self._objects / folder, prefix)
        if not found and not self._objects.is_dir():
            raise self._missing()
        return found

    # What follows runs in threads.

    def _put_all(
        self, names: Sequence[str], contents: Sequence[bytes | Path], stored: threading.Event
    ) -> None:
        with facts(), ExitStack() as files:
            written = [files.enter_context(self._written(content)) for content in contents]
            for path in written:
                sync_file(self._disk, path)
            self._publish(names, written)
        stored.set()

    @contextmanager
    def _written(self, content: bytes | Path) -> Iterator[Path]:
        """A file of the content on this file system; one that lies in `temp` as it is."""
        if isinstance(content, Path) and content.parent == self._temp:
            yield content
            return
        file = TempFile(self._disk, self._temp)
        try:
            for chunk in pieces(content):
                file.write(chunk)
            file.close()
            yield file.path
        finally:
            file.remove()

    def _publish(self, names: Sequence[str], written: Sequence[Path]) -> None:
        """Give the files their names, durably, or none of them."""
        named = []
        try:
            for key, source in zip(names, written, strict=True):
                target = self._directories.of(key).path / key
                self._disk.link(source, target)
                named.append(target)
            for directory in {keys.directory(key): self._directories.of(key) for key in names}.values():
                directory.sync()
        except OSError as error:
            for target in named:
                with suppress(OSError):
                    self._disk.unlink(target)
            if isinstance(error, FileExistsError):
                raise ObjectExists from None
            for key in names:
                self._directories.forget(key)
            raise

    def _delete(self, key: str) -> None:
        path = Path(self._file(key))
        with facts():
            with suppress(FileNotFoundError):
                self._disk.unlink(path)
            if path.parent.is_dir():
                self._directories.of(key).sync()
            elif not self._objects.is_dir():
                raise self._missing()

    def _check(self) -> None:
        if not self._objects.is_dir():
            raise self._missing()
        with facts():
            file = TempFile(self._disk, self._temp)
            try:
                file.write(b"ready")
            finally:
                file.remove()
