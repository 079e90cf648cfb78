"""The API as it is used, and the strict one that stands for it."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from app.citing import kernel
from app.datacite import DataCite
from app.errors import RemoteRefused, RemoteUnavailable
from tests.citing.works import CHEST
from tests.datacite_server import PASSWORD, REPOSITORY, Fake, datacite

DOI = "10.5072/abcd-1234"
WHOLE = {**kernel.metadata(CHEST), "url": "https://archive.test/collections/chest-ct"}


@pytest.fixture
def fake() -> Iterator[Fake]:
    with datacite() as running:
        yield running


def session(fake: Fake, password: str = PASSWORD, **more: Any) -> DataCite:
    return DataCite(fake.url, REPOSITORY, password, **more)


async def test_from_draft_to_findable_and_back(fake: Fake) -> None:
    async with session(fake) as service:
        assert await service.find(DOI) is None
        assert await service.put(DOI, {}) == "draft"
        assert await service.put(DOI, {**WHOLE, "event": "register"}) == "registered"
        assert await service.put(DOI, {**WHOLE, "event": "publish"}) == "findable"
        assert await service.put(DOI, WHOLE) == "findable"
        assert await service.put(DOI, {"event": "hide"}) == "registered"
        found = await service.find(DOI)
        assert found
        assert found["url"] == WHOLE["url"]


@pytest.mark.parametrize(
    ("doi", "attributes", "words"),
    [
        ("10.9999/a", WHOLE, "not ours"),
        (DOI, {"event": "publish"}, "url"),
        (DOI, {**WHOLE, "event": "publish", "url": "https://elsewhere.test/"}, "domain"),
        (DOI, {**WHOLE, "event": "publish", "publicationYear": 2026}, "publicationYear: type"),
        (DOI, {**WHOLE, "event": "hide"}, "transition"),
    ],
)
async def test_what_will_never_work(fake: Fake, doi: str, attributes: dict[str, Any], words: str) -> None:
    async with session(fake) as service:
        with pytest.raises(RemoteRefused, match=words):
            await service.put(doi, attributes)
    assert doi not in fake.dois


async def test_a_wrong_password_is_not_told(fake: Fake) -> None:
    async with session(fake, "hunter2hunter2") as service:
        with pytest.raises(RemoteRefused) as refused:
            await service.put(DOI, {})
    assert "hunter2" not in refused.value.detail


@pytest.mark.parametrize("status", [429, 500, 502, 503])
async def test_what_is_to_be_tried_again(fake: Fake, status: int) -> None:
    fake.answers.append((status, {"Retry-After": "17"}))
    async with session(fake) as service:
        with pytest.raises(RemoteUnavailable) as away:
            await service.put(DOI, {})
        assert away.value.seconds == 17
        assert await service.put(DOI, {}) == "draft"


async def test_until_when_to_wait_may_be_a_date(fake: Fake) -> None:
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=100), usegmt=True)
    fake.answers += [(429, {"Retry-After": later}), (429, {"Retry-After": "soon"})]
    async with session(fake) as service:
        with pytest.raises(RemoteUnavailable) as away:
            await service.put(DOI, {})
        assert 90 < away.value.seconds <= 100
        with pytest.raises(RemoteUnavailable) as away:
            await service.put(DOI, {})
        assert away.value.seconds == 0


async def test_who_is_slow_is_asked_again(fake: Fake) -> None:
    fake.seconds = 1
    async with session(fake, seconds=0.2) as service:
        with pytest.raises(RemoteUnavailable):
            await service.find(DOI)


async def test_nobody_there() -> None:
    async with DataCite("http://127.0.0.1:9", REPOSITORY, PASSWORD) as service:
        with pytest.raises(RemoteUnavailable):
            await service.find(DOI)
