"""What is stored into a collection is shown at once, or lies in a submission; and who sees that."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from app.routers import dependencies
from app.settings import Settings
from tests.instances import ct, part10
from tests.leaks.filled import Filled, credentials, filled, let_in
from tests.leaks.world import ALWAYS, Caller, Grant, Unit, World

SUBMITTER, CURATOR, READER, ANNOTATOR = (Caller(f"person {number}", number) for number in range(4))
OWNER, STRANGER = Caller("owner", owner=True), Caller("stranger")
ROLES = ("submitter", "curator", "reader", "annotator")
SEGMENTATION = "1.2.840.10008.5.1.4.1.1.66.4"
FIXED, ROLLING = "/collections/collection-0/dicom-web", "/collections/collection-1/dicom-web"


@pytest.fixture
async def archive(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Filled]:
    """Two collections, one of them rolling, with somebody of each role; and what is public of the second."""
    units = Unit(0, None, "private", None, True), Unit(1, None, "request", None, False)
    grants = [Grant(n, role, c, None, ALWAYS) for n, role in enumerate(ROLES) for c in (0, 1)]
    world = World((False, True), units, tuple(grants), (), ())
    monkeypatch.setattr("tests.leaks.filled.PEOPLE", len(ROLES))
    known = [SUBMITTER, CURATOR, READER, ANNOTATOR, OWNER]
    monkeypatch.setattr(dependencies, "identify", let_in(known))
    assert settings.database
    async with filled(world, settings.database.get_secret_value(), settings.data) as opened:
        yield opened


async def send(archive: Filled, caller: Caller, root: str, **values: Any) -> httpx.Response:
    head = {**credentials(caller), "content-type": "application/dicom"}
    return await archive.client.post(f"{root}/studies", content=part10(ct(**values)), headers=head)


async def look(archive: Filled, caller: Caller, path: str) -> httpx.Response:
    return await archive.client.get(path, headers=credentials(caller))


def root_of(answer: httpx.Response) -> str:
    """The path of the root at which the answer says that its studies are."""
    url: str = answer.json()["00081190"]["Value"][0]
    return url.removeprefix("http://archive.test").partition("/studies")[0]


def uids(answer: httpx.Response) -> list[str]:
    return [each["00080018"]["Value"][0] for each in answer.json()] if answer.content else []


async def test_a_draft_is_for_its_submitter_and_the_curators(archive: Filled) -> None:
    sent = await send(archive, SUBMITTER, FIXED, instance="1.7")
    assert sent.status_code == 200, sent.text
    root = root_of(sent)
    assert root.startswith("/submissions/")
    for caller in (SUBMITTER, CURATOR, OWNER):
        assert uids(await look(archive, caller, f"{root}/instances")) == ["1.7"]
        frame = await look(archive, caller, f"{root}/studies/1.2.3/series/1.2.3.4/instances/1.7/frames/1")
        assert frame.status_code == 200
    for caller in (READER, ANNOTATOR, STRANGER):
        assert (await look(archive, caller, f"{root}/instances")).status_code == 404
    for caller in (CURATOR, READER, OWNER):
        assert uids(await look(archive, caller, f"{FIXED}/instances")) == []
        assert uids(await look(archive, caller, "/dicom-web/instances")) == []


async def test_more_goes_into_the_same_submission(archive: Filled) -> None:
    first, second = [await send(archive, SUBMITTER, FIXED, instance=uid) for uid in ("1.7", "1.8")]
    root = root_of(first)
    assert root_of(second) == root
    assert (await send(archive, SUBMITTER, root, instance="1.9")).status_code == 200
    assert (await send(archive, CURATOR, root, instance="1.10")).status_code == 200
    found = await look(archive, SUBMITTER, f"{root}/instances")
    assert sorted(uids(found)) == ["1.10", "1.7", "1.8", "1.9"]
    other = root_of(await send(archive, CURATOR, FIXED, instance="1.7"))
    assert other != root


async def test_where_it_is_shown_at_once(archive: Filled) -> None:
    """A curator sees what a rolling collection holds, and so does everyone at once. A submitter who sees the
    metadata alone, which are public here, is told whether it is there already: they could see that anyway."""
    for caller, uid in ((CURATOR, "1.7"), (SUBMITTER, "1.8")):
        assert root_of(await send(archive, caller, ROLLING, instance=uid)) == ROLLING
    assert uids(await look(archive, STRANGER, f"{ROLLING}/instances")) == ["1.7", "1.8"]
    again = await send(archive, SUBMITTER, ROLLING, instance="1.7", PatientID="another")
    assert again.status_code == 409


@pytest.mark.parametrize("root", [FIXED, ROLLING])
async def test_an_annotator_stores_results_alone(archive: Filled, root: str) -> None:
    image = await send(archive, ANNOTATOR, root, instance="1.7")
    assert image.status_code == 409
    assert image.json()["00081198"]["Value"][0]["00081197"]["Value"] == [0x0124]
    result = await send(archive, ANNOTATOR, root, instance="1.8", SOPClassUID=SEGMENTATION, Modality="SEG")
    assert result.status_code == 200, result.text
    draft = root_of(result)
    assert uids(await look(archive, ANNOTATOR, f"{draft}/instances")) == ["1.8"]
    assert (await send(archive, ANNOTATOR, draft, instance="1.9")).status_code == 409


async def test_a_result_finds_its_images_where_its_sender_may_see_them(archive: Filled) -> None:
    """Beside the drafts there is what is published in their studies, and what they correct is not."""
    for series, uid in (("1.2.3.4", "1.1"), ("1.2.3.5", "1.2")):
        await send(archive, CURATOR, ROLLING, series=series, instance=uid)
    await send(archive, CURATOR, ROLLING, study="1.2.9", series="1.2.9.1", instance="1.9")
    result = {"SOPClassUID": SEGMENTATION, "Modality": "SEG", "StudyDescription": "of the draft"}
    draft = root_of(await send(archive, ANNOTATOR, FIXED, series="1.2.3.5", instance="1.8", **result))
    assert sorted(uids(await look(archive, ANNOTATOR, f"{draft}/instances"))) == ["1.1", "1.8"]
    [study] = (await look(archive, ANNOTATOR, f"{draft}/studies?includefield=StudyDescription")).json()
    assert (study["00081030"]["Value"], study["00201206"]["Value"]) == (["of the draft"], [2])
    image = f"{draft}/studies/1.2.3/series/1.2.3.4/instances/1.1"
    assert (await look(archive, ANNOTATOR, f"{image}/frames/1")).status_code == 200
    sent = root_of(await send(archive, SUBMITTER, FIXED, instance="1.7", series="1.2.3.7"))
    assert uids(await look(archive, SUBMITTER, f"{sent}/instances")) == ["1.7"]


@pytest.mark.parametrize(
    ("caller", "root", "status"),
    [
        (READER, FIXED, 403),
        (READER, ROLLING, 403),
        (STRANGER, FIXED, 404),
        (STRANGER, ROLLING, 401),
        (STRANGER, "/dicom-web", 401),
        (READER, "/dicom-web", 404),
        (SUBMITTER, "/collections/none/dicom-web", 404),
    ],
)
async def test_who_may_not_store(archive: Filled, caller: Caller, root: str, status: int) -> None:
    assert (await send(archive, caller, root)).status_code == status


async def test_listed_with_what_is_in_them(archive: Filled) -> None:
    roots = [root_of(await send(archive, caller, FIXED, instance="1.7")) for caller in (SUBMITTER, CURATOR)]
    keys = [root.split("/")[2] for root in roots]

    async def listed(caller: Caller, query: str = "") -> list[str]:
        answer = await look(archive, caller, f"/api/v1/submissions{query}")
        return [each["key"] for each in answer.json()["items"]]

    assert await listed(CURATOR) == await listed(OWNER) == keys
    assert await listed(SUBMITTER) == keys[:1]
    assert await listed(READER) == []
    assert await listed(OWNER, "?collection=collection-1") == []
    page = (await look(archive, OWNER, "/api/v1/submissions?limit=1")).json()
    assert [page["items"][0]["key"], page["next"]] == [keys[0], keys[0]]
    assert await listed(OWNER, f"?after={page['next']}") == keys[1:]
    one = (await look(archive, SUBMITTER, f"/api/v1/submissions/{keys[0]}")).json()
    assert (one["collection"], one["state"]) == ("collection-0", "open")
    assert (one["instances"], one["series"]) == (1, 1)
    assert one["dicom_web"] == f"http://archive.test{roots[0]}"
    for path in (f"/api/v1/submissions/{keys[1]}", f"/api/v1/submissions?after={keys[1]}"):
        assert (await look(archive, SUBMITTER, path)).status_code == 404


async def test_who_may_no_longer_submit_sees_nothing_of_what_they_sent(archive: Filled) -> None:
    root = root_of(await send(archive, SUBMITTER, FIXED, instance="1.7"))
    await archive.archive.database.write(_revoke)
    assert (await look(archive, SUBMITTER, f"{root}/instances")).status_code == 404
    assert uids(await look(archive, CURATOR, f"{root}/instances")) == ["1.7"]


def _revoke(connection: Any) -> None:
    from app.models.types import now
    from app.registry import rights
    from app.registry.tables import GRANT

    connection.execute(GRANT.update().where(GRANT.c.role == "submitter").values(revoked_at=now()))
    rights.changed(connection)
