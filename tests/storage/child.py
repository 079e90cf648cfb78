"""What the crash tests run in processes of their own: `python -m tests.storage.child ROLE FOLDER …`."""

import asyncio
import hashlib
import sys
from pathlib import Path
from random import Random

from app.errors import ObjectExists
from app.storage import keys
from app.storage.local import LocalStore
from app.storage.spool import Spools


def sealed(random: Random) -> bytes:
    """Some bytes behind their own digest, so that a whole object can be told from a part."""
    body = random.randbytes(random.choice((10, 5_000, 300_000, 3_000_000)))
    return hashlib.sha256(body).digest() + body


async def store_for_ever(folder: str, seed: str) -> None:
    """Put objects, small and large, eight at once, and say each key once its put has returned."""
    store = LocalStore(Path(folder))
    spools = Spools(store.temp, in_memory=1 << 20)

    async def writer(random: Random) -> None:
        while True:
            key = keys.fresh()
            async with spools.open() as spool:
                await spool.write(sealed(random))
                await store.put(key, await spool.finish())
            print(key, flush=True)

    await asyncio.gather(*(writer(Random(f"{seed}/{index}")) for index in range(8)))


async def race(folder: str, name: str, count: str) -> None:
    """Put one object under each of `count` keys that other processes want too; say which were won."""
    store = LocalStore(Path(folder))
    print("ready", flush=True)
    sys.stdin.readline()
    for index in range(int(count)):
        key = f"01K9Z3M{index:019d}"
        async with Spools(store.temp).open() as spool:
            await spool.write(f"{name} {index}".encode())
            try:
                await store.put(key, await spool.finish())
                print(key, flush=True)
            except ObjectExists:
                pass


def most_memory() -> int:
    """The peak of this process's memory in bytes; getrusage would count its parent's before the exec."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


async def spool_much(folder: str, size: str) -> None:
    """Spool and put that many bytes; say their digest and the most memory that this process had, in bytes."""
    store, chunk = LocalStore(Path(folder)), Random(0).randbytes(190_000)
    expected = hashlib.sha256()
    async with Spools(store.temp).open() as spool:
        left = int(size)
        while left:
            part = chunk[:left]
            expected.update(part)
            await spool.write(memoryview(part))
            left -= len(part)
        done = await spool.finish()
        key = keys.fresh()
        await store.put(key, done)
    assert done.sha256 == expected.digest()
    read = hashlib.sha256()
    async for piece in store.stream(key):
        read.update(piece)
    assert read.digest() == expected.digest()
    print(key, await store.head(key), most_memory())


if __name__ == "__main__":
    roles = {role.__name__: role for role in (store_for_ever, race, spool_much)}
    asyncio.run(roles[sys.argv[1]](*sys.argv[2:]))
