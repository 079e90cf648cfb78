"""Metadata in pieces are the metadata of the rows, for whoever asks, and never outlive them."""

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from sqlalchemy import func, select, update

from app import jobs
from app.index import locate, pieces
from app.index.tables import INSTANCE, SERIES, SERIES_METADATA
from app.services import series_metadata
from app.services.background import worker
from app.settings import Settings
from tests.house import OWNER, House, house
from tests.routers.versions_of import make, publish, send

SERIES_PATH = "/studies/1.2.3/series/1.2.3.4"
ROOTS = ("", "/collections/chest", "/collections/chest/versions/1")


@pytest.fixture(autouse=True)
def small() -> Iterator[None]:
    """Series of three instances are large, and pieces have two."""
    with patch.object(pieces, "LEAST", 3), patch.object(pieces, "MOST", 2):
        yield


@pytest.fixture
async def opened(tmp_path: Path, database_url: str) -> AsyncIterator[House]:
    """A published series of five instances with bulk data, beside a small one."""
    async with house(Settings(data=tmp_path / "data", database=database_url, jobs=False)) as made:
        made.browser.headers.update(OWNER)
        await make(made.browser, tier="open", hidden=False)
        key = ""
        for number in range(1, 6):
            key = await send(made.browser, instance=f"1.{number}", InstanceNumber=number)
        await send(made.browser, series="1.2.3.5", instance="2.1")
        await publish(made.browser, submissions=[key])
        yield made


@contextmanager
def from_pieces_alone() -> Iterator[None]:
    """Whatever is read of single instances is a mistake."""
    with patch.object(locate, "descriptions", side_effect=AssertionError):
        yield


async def told(opened: House, root: str, path: str = SERIES_PATH, **headers: str) -> Any:
    opened.archive.recent.clear()
    answer = await opened.browser.get(f"{root}/dicom-web{path}/metadata", headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.content, answer.headers["etag"]


async def count(opened: House) -> int:
    rows = select(func.count()).select_from(SERIES_METADATA)
    return await opened.archive.database.scan(lambda connection: connection.scalar(rows) or 0)


async def test_they_say_what_the_rows_say_at_every_root_and_in_every_form(opened: House) -> None:
    forms = [
        {"accept": "application/dicom+json"},
        {"accept": 'multipart/related; type="application/dicom+xml"'},
    ]
    before = [await told(opened, root, **form) for root in ROOTS for form in forms]
    assert await worker(opened.archive).drain()
    assert await count(opened) == 3
    with from_pieces_alone():
        after = [await told(opened, root, **form) for root in ROOTS for form in forms]
    assert after == before
    assert (
        b"/collections/chest/versions/1/dicom-web/studies/1.2.3/series/1.2.3.4/instances/1.5/" in after[-1][0]
    )


async def test_a_study_has_those_of_large_series_and_the_rows_of_small_ones(opened: House) -> None:
    before = await told(opened, "", "/studies/1.2.3")
    await worker(opened.archive).drain()
    asked: list[int] = []
    read = locate.descriptions
    with patch.object(locate, "descriptions", lambda on, rows: (asked.extend(rows), read(on, rows))[1]):
        assert await told(opened, "", "/studies/1.2.3") == before
    assert len(asked) == 1


async def test_a_revision_has_its_own_and_the_version_before_keeps_its(opened: House) -> None:
    await worker(opened.archive).drain()
    first = await told(opened, "/collections/chest/versions/1")
    changed = await send(opened.browser, instance="1.5", InstanceNumber=5, ImageComments="corrected")
    await publish(opened.browser, submissions=[changed])
    second = await told(opened, "/collections/chest")
    assert b"corrected" in second[0]
    assert await worker(opened.archive).drain()
    with from_pieces_alone():
        assert await told(opened, "/collections/chest/versions/1") == first
        assert await told(opened, "/collections/chest") == second


async def test_what_rolls_is_left_alone(opened: House) -> None:
    await make(opened.browser, "head", rolling=True, tier="open", hidden=False)
    for number in range(4):
        await send(opened.browser, "head", study="1.9", series="1.9.1", instance=f"9.{number}")
    await worker(opened.archive).drain()
    before = await count(opened)
    await carry_out_left(opened)
    assert await count(opened) == before


async def carry_out_left(opened: House) -> None:
    await opened.archive.database.write(
        lambda connection: jobs.rows.stand(connection, [series_metadata.STANDING])
    )
    await opened.archive.database.write(
        lambda connection: connection.execute(update(jobs.JOB).values(run_at=jobs.JOB.c.created_at))
    )
    await worker(opened.archive).drain()


async def test_who_was_not_asked_at_publication_is_found_later(opened: House) -> None:
    await opened.archive.database.write(lambda connection: connection.execute(jobs.JOB.delete()))
    await carry_out_left(opened)
    with from_pieces_alone():
        await told(opened, "")


async def test_what_is_purged_while_they_are_put_together_is_not_kept(opened: House) -> None:
    """Its description was read before it was purged, and is to be written afterwards."""
    gone = {"study": "1.2.3", "series": "1.2.3.4", "instance": "1.1", "reason": "A patient asked for it"}
    make_piece, purged = pieces.make, []

    async def purging(*given: Any) -> Any:
        if not purged:
            purged.append(await opened.browser.post("/api/v1/collections/chest/purges", json=gone))
        return make_piece(*given)

    async def in_loop(function: Any, *given: Any) -> Any:
        return await purging(*given)

    with patch.object(series_metadata, "in_thread", in_loop):
        await worker(opened.archive).drain()
    assert purged[0].status_code == 200, purged[0].text
    assert await count(opened) == 0
    await carry_out_left(opened)
    with from_pieces_alone():
        assert b'"1.1"' not in (await told(opened, ""))[0]


async def test_what_an_earlier_version_of_this_program_purged_is_taken_away(opened: House) -> None:
    await worker(opened.archive).drain()

    def purge_without_knowing_pieces(connection: Any) -> None:
        connection.execute(INSTANCE.delete().where(INSTANCE.c.sop_instance_uid == "1.1"))
        large = SERIES.c.series_instance_uid == "1.2.3.4"
        connection.execute(update(SERIES).where(large).values(number_of_series_related_instances=4))

    await opened.archive.database.write(purge_without_knowing_pieces)
    assert b'"1.1"' not in (await told(opened, ""))[0]
    await carry_out_left(opened)
    rows = await opened.archive.database.scan(lambda on: on.execute(select(SERIES_METADATA)).all())
    assert sum(row.instances for row in rows) == 4


async def test_who_sees_one_of_two_collections_gets_none_of_the_other(opened: House) -> None:
    """The same series in another collection, of other bytes: each has its own pieces."""
    await make(opened.browser, "hidden", hidden=True, tier="private")
    key = ""
    for number in range(1, 6):
        key = await send(
            opened.browser, "hidden", instance=f"1.{number}", InstanceNumber=number, ImageComments="secret"
        )
    await publish(opened.browser, "hidden", submissions=[key])
    await worker(opened.archive).drain()
    assert await count(opened) == 6
    stranger = await opened.browser.get(f"/dicom-web{SERIES_PATH}/metadata", headers={"authorization": ""})
    assert stranger.status_code == 200
    assert b"secret" not in stranger.content
    assert b"secret" in (await told(opened, "/collections/hidden"))[0]
