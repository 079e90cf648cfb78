"""A bounded cache of files that can be made again, which any number of processes may share.

`entries/` holds each under the digest of its key, `making/` what is being made, `held/` a second name of
every entry that somebody is reading: what is thrown out meanwhile stays until they are done. An entry appears
by one rename, whole, or not at all. What was used longest ago is thrown out first. `cleared` names the last
time that the cache was cleared: what was begun before is not kept.

Nothing is synced: a power cut may tear entries, so they lie in a folder of this boot of the machine, and what
lies there from before another is thrown away unread.

The cache answers whoever knows a key: whether they may see what lies there is decided before it is asked.
"""

import asyncio
import os
import shutil
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from weakref import WeakValueDictionary, finalize

from app.errors import StoreUnavailable
from app.storage import boot, keys
from app.storage.disk import facts, sweep
from app.storage.threads import in_thread

#: After throwing out, this part of the bound is free, so that it is not done for every new entry.
_SLACK = 8
Make = Callable[[Path], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Held:
    """A file that stays as it is until it is let go."""

    path: Path
    size: int

    def release(self) -> None:
        """Let it go; its holder no longer opens it."""
        with suppress(OSError):
            self.path.unlink()


class Cache:
    """At most `limit` bytes of files in `folder`, and `spare` bytes of its disk left free.

    Raises StoreUnavailable when the folder cannot be made or read.
    """

    def __init__(self, folder: Path, limit: int, spare: int = 0) -> None:
        self._limit = limit
        self._spare = spare
        self._makers: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        with facts():
            own, used = boot.claim(folder)
            self._leave = finalize(self, os.close, used)
            self._entries, self._making, self._held = (own / name for name in ("entries", "making", "held"))
            self._total = own / "bytes"
            self._cleared = own / "cleared"
            self._lock = own / "lock"
            for each in (self._entries, self._making, self._held):
                each.mkdir(parents=True, exist_ok=True)
            for each in (self._making, self._held):
                sweep(each)
            with boot.locked(self._lock):
                self._set_total(sum(entry.size for entry in self._walk()))

    def close(self) -> None:
        """Use it no more: another boot's process may then remove it."""
        self._leave()

    async def hold(self, key: str, make: Make) -> Held:
        """The file of a key: the cached one, or one that `make` writes to the path it is given.

        Several who want the same at once make it once. Raises what `make` does, and StoreUnavailable where
        the disk is full or nearly so.
        """
        name, held = sha256(key.encode()).hexdigest(), self._held / keys.fresh()
        maker = self._makers.setdefault(name, asyncio.Lock())
        try:
            async with maker:
                found = await in_thread(self._hold, name, held)
                if found is None:
                    await in_thread(self._require_room)
                    found = await self._made(name, held, make)
            return found
        except BaseException:
            # A thread links it for one who is cancelled meanwhile, and who then never learns of it.
            with suppress(OSError):
                held.unlink()
            raise

    async def _made(self, name: str, held: Path, make: Make) -> Held:
        path = self._making / keys.fresh()
        begun = await in_thread(self._last_cleared)
        try:
            await make(path)
            return await in_thread(self._publish, path, name, held, begun)
        finally:
            with suppress(OSError):
                path.unlink()

    async def clear(self) -> None:
        """Remove every entry, and keep none that is being made; who is reading one still has it."""
        await in_thread(self._clear)

    # What follows runs in threads.

    def _clear(self) -> None:
        with facts(), boot.locked(self._lock):
            total = self._throw_out(-1)
            self._cleared.write_text(keys.fresh())
            self._set_total(total)

    def _last_cleared(self) -> str:
        """Without the lock: who reads it half written has begun too early, and what they make is not kept."""
        with facts():
            return self._cleared.read_text() if self._cleared.exists() else ""

    def _require_room(self) -> None:
        with facts():
            free = shutil.disk_usage(self._making).free
        if free < self._spare:
            raise StoreUnavailable(
                "There is too little free disk space to convert: try again later, or ask for it as stored "
                "with transfer-syntax=*."
            )

    def _hold(self, name: str, held: Path) -> Held | None:
        entry = self._entries / name[:2] / name
        with facts():
            try:
                os.link(entry, held)
                os.utime(held)
            except FileNotFoundError:
                return None
            return Held(held, held.stat().st_size)

    def _publish(self, path: Path, name: str, held: Path, begun: str) -> Held:
        """The new file as an entry, held. Whoever made the same meanwhile is replaced. Where the cache
        was cleared since it was `begun` it is held, and no entry.
        """
        entry = self._entries / name[:2] / name
        with facts():
            os.link(path, held)
            size = path.stat().st_size
            if size <= self._limit:
                entry.parent.mkdir(exist_ok=True)
                with boot.locked(self._lock):
                    if self._last_cleared() == begun:
                        before = entry.stat().st_size if entry.exists() else 0
                        os.rename(path, entry)
                        self._account(size - before)
        return Held(held, size)

    def _account(self, more: int) -> None:
        total = self._get_total() + more
        if total > self._limit:
            total = self._throw_out(self._limit - self._limit // _SLACK)
        self._set_total(total)

    def _throw_out(self, room: int) -> int:
        """Remove what was used longest ago until the rest fits; the bytes that remain."""
        entries = sorted(self._walk(), key=lambda entry: entry.used)
        total = sum(entry.size for entry in entries)
        for entry in entries:
            if total <= room:
                break
            with suppress(FileNotFoundError):
                os.unlink(entry.path)
            total -= entry.size
        return total

    def _walk(self) -> Iterator["_Entry"]:
        for folder in self._entries.iterdir():
            for found in os.scandir(folder):
                with suppress(FileNotFoundError):
                    status = found.stat()
                    yield _Entry(found.path, status.st_size, status.st_mtime_ns)

    def _get_total(self) -> int:
        try:
            return int(self._total.read_text())
        except (OSError, ValueError):
            return sum(entry.size for entry in self._walk())

    def _set_total(self, total: int) -> None:
        self._total.write_text(str(total))


@dataclass(frozen=True, slots=True)
class _Entry:
    path: str
    size: int
    used: int
