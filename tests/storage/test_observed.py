"""An observed store is the one inside, and what it does is counted."""

from contextlib import aclosing
from pathlib import Path

import pytest
from prometheus_client import REGISTRY

from app.errors import ObjectNotFound
from app.storage import keys
from app.storage.local import LocalStore
from app.storage.object_store import ObjectStore
from app.storage.observed import ObservedStore
from tests.storage.conformance import StoreConformance, spooled


class TestObservedStore(StoreConformance):
    def make(self, folder: Path) -> ObjectStore:
        return ObservedStore(LocalStore(folder))


def counted(name: str, operation: str, **more: str) -> float:
    return REGISTRY.get_sample_value(f"readingroom_store_{name}", {"operation": operation, **more}) or 0.0


async def test_operations_bytes_and_failures_are_counted(tmp_path: Path) -> None:
    store = ObservedStore(LocalStore(tmp_path))
    kinds = ("put", "read", "stream", "head", "delete")

    def now() -> dict[str, tuple[float, float]]:
        return {each: (counted("seconds_count", each), counted("bytes_total", each)) for each in kinds}

    before, lost = now(), counted("failures_total", "read", error="ObjectNotFound")
    key = keys.fresh()
    await store.put(key, spooled(b"x" * 1000))
    assert await store.read(key, 10, 100) == b"x" * 100
    async with aclosing(store.stream(key)) as pieces:
        assert [len(piece) async for piece in pieces] == [1000]
    assert await store.head(key) == 1000
    await store.delete(key)
    with pytest.raises(ObjectNotFound):
        await store.read(key, 0, 1)
    grown = {each: tuple(a - b for a, b in zip(now()[each], before[each], strict=True)) for each in kinds}
    assert grown == {
        "put": (1, 1000),
        "read": (2, 100),
        "stream": (1, 1000),
        "head": (1, 0),
        "delete": (1, 0),
    }
    assert counted("failures_total", "read", error="ObjectNotFound") == lost + 1
