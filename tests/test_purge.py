"""What is purged is nowhere: not in a file, a row, a cache or a log."""

import json
from pathlib import Path
from typing import Any
from unittest.mock import patch

import httpx
import pytest
from sqlalchemy import Connection, MetaData, select

from app.index import pieces
from app.models import Study
from app.services.background import worker
from app.settings import Settings
from tests.house import OWNER, House, bearer, house
from tests.instances import ct, part10
from tests.routers.versions_of import held, make, publish, send

#: Stands in attributes of every kind, in pixels, and in what the patient's other instance does not say.
CANARY = "CANARYBIRD"
PATH = "/studies/1.2.3/series/1.2.3.4/instances/1.1"
METADATA: MetaData = Study.metadata


@pytest.fixture
def settings(tmp_path: Path, database_url: str) -> Settings:
    return Settings(
        data=tmp_path / "data",
        database=database_url,
        owner_token=OWNER["Authorization"].removeprefix("Bearer "),
        jobs=False,
    )


def canary() -> dict[str, Any]:
    nested = ct()
    return {
        "PatientName": f"{CANARY}^Jane",
        "PatientID": CANARY,
        "StudyDescription": f"of {CANARY}",
        "SeriesDescription": CANARY,
        "PatientComments": f"{CANARY} {'long ' * 100}",
        "RequestAttributesSequence": [_item(nested)],
        "BitsStored": 16,
        "HighBit": 15,
        "PixelData": (CANARY * 10).encode()[:96],
    }


def _item(nested: Any) -> Any:
    item = type(nested)()
    item.ScheduledProcedureStepID, item.RequestedProcedureDescription = CANARY[:16], CANARY
    return item


async def filled(client: httpx.AsyncClient) -> dict[str, Any]:
    """The canary in two versions, in a cart, in a draft that corrects it; another instance beside it."""
    await make(client, tier="open", hidden=False)
    await send(client, instance="1.1", **canary())
    key = await send(client, instance="1.2")
    await publish(client, submissions=[key])
    await publish(client, submissions=[await send(client, instance="1.3")])
    cart = (await client.post("/api/v1/carts", json={"name": "A cart", "studies": ["1.2.3"]})).json()
    await send(client, instance="1.1", **canary(), AccessionNumber="2")
    for root in ("/dicom-web", f"/carts/{cart['key']}/dicom-web"):
        for path in (
            f"{PATH}/rendered",
            f"{PATH}/thumbnail",
            "/studies/1.2.3/metadata",
            f"/studies?PatientID={CANARY}",
        ):
            assert (await client.get(root + path)).status_code == 200, path
    transcoded = {
        "accept": 'multipart/related; type="application/dicom"; transfer-syntax=1.2.840.10008.1.2.4.90'
    }
    assert (await client.get(f"/dicom-web{PATH}", headers=transcoded)).status_code == 200
    return cart  # type: ignore[no-any-return]


def files_with(folder: Path, word: bytes) -> list[str]:
    return [str(each) for each in folder.rglob("*") if each.is_file() and word in each.read_bytes()]


async def rows_with(opened: House, word: str) -> list[str]:
    """The tables that hold the word, packed or not."""

    def look(connection: Connection) -> list[str]:
        found = []
        for table in METADATA.sorted_tables:
            for row in connection.execute(select(table)):
                text = " ".join(map(_plain, row))
                found += [table.name] if word.casefold() in text.casefold() else []
        return found

    return await opened.archive.database.scan(look)


def _plain(value: object) -> str:
    if isinstance(value, bytes):
        if value.startswith(b"\x28\xb5\x2f\xfd"):
            import zstandard

            value = zstandard.ZstdDecompressor().decompress(value)
        return value.decode(errors="replace")
    return str(value)


async def test_a_canary_is_found_nowhere_after_it_was_purged(
    settings: Settings, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    async with house(settings) as opened:
        client = opened.browser
        client.headers.update(OWNER)
        with patch.object(pieces, "LEAST", 1):
            cart = await filled(client)
            assert await worker(opened.archive).drain()
        assert {"instance", "series", "series_metadata", "tag_value"} <= set(await rows_with(opened, CANARY))
        assert files_with(tmp_path, CANARY.encode())
        wanted = {
            "study": "1.2.3",
            "series": "1.2.3.4",
            "instance": "1.1",
            "reason": "A patient asked for it",
        }
        purged = await client.post("/api/v1/collections/chest/purges", json=wanted)
        assert purged.status_code == 200, purged.text
        assert purged.json()["instances"] == 1
        assert await rows_with(opened, CANARY) == []
        await opened.archive.database.settle()
        for root in ("", "/collections/chest", "/collections/chest/versions/1", f"/carts/{cart['key']}"):
            gone = await client.get(f"{root}/dicom-web{PATH}/metadata")
            assert (gone.status_code, gone.json()["reason"]) == (410, "A patient asked for it"), root
            assert (await client.get(f"{root}/dicom-web/studies?PatientID={CANARY}")).status_code == 204
        assert await held(client, "") == ["1.2", "1.3"]
        assert await held(client, "/collections/chest/versions/1") == ["1.2"]
        found = (await client.get("/dicom-web/studies")).json()[0]
        assert found["00100020"]["Value"] == ["P1"]
        again = await client.post("/api/v1/collections/chest/purges", json=wanted)
        assert again.status_code == 404
        tombstones = [json.loads(json.dumps(each, default=str)) for each in await _tombstones(opened)]
        assert {each["sop_instance_uid"] for each in tombstones} == {"1.1", ""}  # that of the draft
        assert all(each["sha256"] and not each["object_key"] for each in tombstones)
        assert files_with(tmp_path, CANARY.encode()) == []
    assert files_with(tmp_path, CANARY.encode()) == []
    assert CANARY not in "".join(capsys.readouterr())


async def _tombstones(opened: House) -> list[dict[str, Any]]:
    table = METADATA.tables["tombstone"]
    return await opened.archive.database.lookup(
        lambda connection: [dict(row._mapping) for row in connection.execute(select(table))]
    )


async def test_objects_that_a_crash_left_are_deleted_when_the_archive_opens(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async with house(settings) as opened:
        opened.browser.headers.update(OWNER)
        await filled(opened.browser)

        async def crash(_: object) -> None:
            raise RuntimeError

        monkeypatch.setattr("app.services.purges.finish", crash)
        wanted = {"study": "1.2.3", "reason": "A patient asked for it"}
        answer = await opened.browser.post("/api/v1/collections/chest/purges", json=wanted)
        assert answer.status_code == 500
        monkeypatch.undo()
        assert files_with(settings.data, CANARY.encode())
    async with house(settings) as opened:
        assert await rows_with(opened, CANARY) == []
    assert files_with(tmp_path, CANARY.encode()) == []


async def test_only_owners_purge(settings: Settings) -> None:
    async with house(settings) as opened:
        client = opened.browser
        await make_as_owner(client)
        curator = await opened.person("mary")
        register = await opened.archive.rights.register()
        await opened.grant(curator, register.collections["chest"].id, "curator")
        head = bearer(await opened.token(curator))
        answer = await client.post(
            "/api/v1/collections/chest/purges", json={"study": "1.2.3", "reason": "x"}, headers=head
        )
        assert answer.status_code == 403


async def make_as_owner(client: httpx.AsyncClient) -> None:
    new = {"slug": "chest", "title": "chest", "licence": "CC-BY-4.0", "rolling": True}
    assert (await client.post("/api/v1/collections", json=new, headers=OWNER)).status_code == 201
    head = {**OWNER, "content-type": "application/dicom"}
    sent = await client.post("/collections/chest/dicom-web/studies", content=part10(ct()), headers=head)
    assert sent.status_code == 200
