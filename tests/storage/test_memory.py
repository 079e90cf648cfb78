from pathlib import Path

from app.storage.memory import MemoryStore
from app.storage.object_store import ObjectStore
from tests.storage.conformance import StoreConformance


class TestMemoryStore(StoreConformance):
    def make(self, folder: Path) -> ObjectStore:
        return MemoryStore(folder)
