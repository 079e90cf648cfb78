"""What a plan's contents give, for any range of them."""

from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given
from hypothesis import strategies as st

from app.dicom.frames import FrameIndex
from app.services.plan import Content, Ready, Scratch, Stored, StoredFrame
from app.storage import keys
from app.storage.memory import MemoryStore
from app.storage.spool import Spools

DATA = bytes(range(200))


async def contents(folder: Path) -> list[tuple[Content, bytes]]:
    """Contents of every kind, each with the bytes it stands for."""
    store, key = MemoryStore(folder), keys.fresh()
    async with Spools(folder).open() as spool:
        await spool.write(DATA)
        await store.put(key, await spool.finish())
    path = folder / "scratch"
    path.write_bytes(DATA)
    swapped = b"".join(DATA[at : at + 2][::-1] for at in range(20, 40, 2))
    return [
        (Ready(DATA), DATA),
        (Scratch(path, len(DATA)), DATA),
        (Stored(store, key, ((0, 200),)), DATA),
        (Stored(store, key, ((100, 7), (3, 0), (20, 50))), DATA[100:107] + DATA[20:70]),
        (StoredFrame(store, key, FrameIndex.native(0, 160, 10, word=2), 2), swapped),
    ]


@given(ends=st.tuples(st.floats(0, 1), st.floats(0, 1)))
async def test_any_range(ends: tuple[float, float]) -> None:
    with TemporaryDirectory() as folder:
        for content, expected in await contents(Path(folder)):
            assert content.size == len(expected)
            start, stop = sorted(round(end * content.size) for end in ends)
            got = [piece async for piece in content.stream(start, stop)]
            assert b"".join(got) == expected[start:stop]
