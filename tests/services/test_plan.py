"""What a plan's contents give, for any range of them."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.dicom.frames import FrameIndex
from app.services.plan import Content, Ready, Scratch, Stored, StoredFrame
from app.storage import keys
from app.storage.local import LocalStore
from app.storage.memory import MemoryStore
from app.storage.object_store import ObjectStore
from app.storage.spool import Spools
from tests.storage.arrange import taken

DATA = bytes(range(200))


async def contents(folder: Path, store: ObjectStore) -> list[tuple[Content, bytes]]:
    """Contents of every kind, each with the bytes it stands for."""
    key = keys.fresh()
    async with Spools(store.temp).open() as spool:
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


@given(ends=st.tuples(st.floats(0, 1), st.floats(0, 1)), files=st.booleans())
async def test_any_range(ends: tuple[float, float], files: bool) -> None:
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patched:
        patched.setattr("app.storage.local.WORTHWHILE", 10)
        for store in (MemoryStore(Path(folder)), LocalStore(Path(folder))):
            for content, expected in await contents(Path(folder), store):
                assert content.size == len(expected)
                start, stop = sorted(round(end * content.size) for end in ends)
                got = [taken(piece) async for piece in content.stream(start, stop, files=files)]
                assert b"".join(got) == expected[start:stop]
