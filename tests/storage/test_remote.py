"""The store in a bucket, on a real server of each kind."""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from datetime import timedelta
from pathlib import Path

import httpx
import obstore
import pytest

from app.errors import ObjectNotFound
from app.storage import keys, remote, uploads
from app.storage.object_store import ObjectStore
from app.storage.open import open_store
from app.storage.remote import RemoteStore
from tests import ceph
from tests.azurite import running as azurite
from tests.azurite.running import NoAzuriteError
from tests.ceph import NoCephError
from tests.required import lacking
from tests.seaweed import BUCKET, CREDENTIALS, Seaweed
from tests.storage.arrange import listed, spooled
from tests.storage.conformance import StoreConformance, content_of

#: One process of the run has them all: two of each server would be a burden.
OTHERS = pytest.mark.xdist_group("other stores")


@pytest.fixture(scope="module")
def ceph_endpoint() -> Iterator[str]:
    yield from _running(ceph.ceph())


@pytest.fixture(scope="module")
def azurite_endpoint() -> Iterator[str]:
    yield from _running(azurite.azurite())


def _running(server: AbstractContextManager[str]) -> Iterator[str]:
    try:
        with server as endpoint:
            yield endpoint
    except (NoCephError, NoAzuriteError) as missing:
        lacking(str(missing.__doc__))


class OnServer(StoreConformance):
    """The suite on a server: what it needs in the environment, and its store's address without the folder."""

    environment: Mapping[str, str] = CREDENTIALS
    bucket: str
    endpoint: str

    @pytest.fixture(autouse=True)
    def credentials(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name, value in self.environment.items():
            monkeypatch.setenv(name, value)

    def make(self, folder: Path) -> ObjectStore:
        # Each in a folder of the bucket that nobody else has.
        return open_store(f"{self.bucket}/stores/{keys.fresh()}?endpoint={self.endpoint}", folder)

    async def test_a_link_gives_the_object_to_anybody(self, store: ObjectStore) -> None:
        key, content = keys.fresh(), content_of(100_000)
        await store.put(key, spooled(content))
        link = await store.link(key, 60)
        assert link
        async with httpx.AsyncClient() as client:
            whole = await client.get(link)
            part = await client.get(link, headers={"range": "bytes=10-19"})
            assert not (await client.put(link, content=b"other")).is_success
            assert not (await client.get(link.replace(key, keys.fresh()))).is_success
        assert (whole.status_code, whole.content) == (200, content)
        assert whole.headers["content-type"] == "application/dicom"
        assert (part.status_code, part.content) == (206, content[10:20])

    async def test_what_a_killed_upload_left_is_listed_once_it_is_nobodys(
        self, store: RemoteStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        key = keys.fresh()
        path, claim = remote._path(key), {uploads.CLAIM: "of a process that is gone"}
        await obstore.put_async(store._bucket, path, b"", attributes=claim, use_multipart=False)
        assert await listed(store) == []
        monkeypatch.setattr(remote, "_LEFT", -timedelta(minutes=1))
        assert await listed(store) == [(key, 0)]
        with pytest.raises(ObjectNotFound):
            await store.head(key)
        await store.delete(key)
        assert await listed(store) == []


class TestOnSeaweed(OnServer):
    bucket = f"s3://{BUCKET}"

    @pytest.fixture(autouse=True)
    def server(self, seaweed: Seaweed) -> None:
        self.endpoint = seaweed.endpoint


@OTHERS
class TestOnCeph(OnServer):
    bucket = f"s3://{ceph.BUCKET}"

    @pytest.fixture(autouse=True)
    def server(self, ceph_endpoint: str) -> None:
        self.endpoint = ceph_endpoint


@OTHERS
class TestOnAzurite(OnServer):
    environment = azurite.CREDENTIALS
    bucket = f"az://{azurite.CONTAINER}"

    @pytest.fixture(autouse=True)
    def server(self, azurite_endpoint: str) -> None:
        self.endpoint = azurite_endpoint
