"""An archive with a little of everything, and all that it answers, for what keeps archives."""

from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import Connection
from ulid import ULID

from app.archive import Archive
from app.index.derived import Finding
from app.services import checks
from app.services.object_lists import Told
from app.storage import keys
from app.storage.spool import Spools
from tests.house import OWNER, House
from tests.routers.versions_of import make, publish, send

ROOTS = ("", "/collections/chest", "/collections/chest/versions/1", "/collections/head")
QUESTIONS = (
    "/studies?includefield=all",
    "/series?includefield=all",
    "/instances?includefield=all",
    "/studies?PatientID=P1",
    "/studies?00189424=7",
    "/studies/1.2.3/metadata",
    "/studies/1.2.9/metadata",
)
PAGES = (
    "/api/v1/collections",
    "/api/v1/collections/chest",
    "/api/v1/collections/chest/versions",
    "/api/v1/collections/head/facts",
    "/api/v1/facets",
)


def quiet(what: str, done: int, total: int | None) -> None:
    """Nobody looks at the bars."""


async def fill(opened: House) -> None:
    """Two versions of a collection, a rolling one, a cart, a draft, a withdrawn and a purged instance."""
    client = opened.browser
    client.headers.update(OWNER)
    await make(client, tier="open", hidden=False)
    await send(client, instance="1.1", PatientComments="as it came")
    await send(client, instance="1.2", ExposureTime=7)
    key = await send(client, series="1.2.3.5", instance="1.5", StudyDescription="said otherwise")
    await publish(client, submissions=[key])
    await publish(client, submissions=[await send(client, instance="1.3")])
    await make(client, "head", rolling=True, tier="open", hidden=False)
    for number in range(3):
        await send(client, "head", study="1.2.9", series="1.2.9.1", instance=f"9.{number}")
    await send(client, "head", study="1.2.9", series="1.2.9.2", instance="9.9")
    cart = {"name": "A cart", "studies": ["1.2.3"]}
    assert (await client.post("/api/v1/carts", json=cart)).status_code == 201
    await send(client, instance="1.4")
    gone = {"study": "1.2.9", "series": "1.2.9.2", "instance": "9.9", "reason": "A patient asked for it"}
    assert (await client.post("/api/v1/collections/head/purges", json=gone)).status_code == 200


async def answers(client: httpx.AsyncClient) -> dict[str, Any]:
    """What the archive says to everything that is asked here, and the digest of each instance."""
    said: dict[str, Any] = {}
    carts = (await client.get("/api/v1/carts")).json()["items"]
    submissions = (await client.get("/api/v1/submissions?collection=chest")).json()["items"]
    roots = [*ROOTS, *(f"/carts/{each['key']}" for each in carts)]
    roots += [f"/submissions/{each['key']}" for each in submissions]
    paths = [*PAGES, *(f"{root}/dicom-web{question}" for root in roots for question in QUESTIONS)]
    for path in paths:
        answer = await client.get(path)
        said[path] = answer.status_code, answer.json() if answer.content else None
    for each in said["/dicom-web/instances?includefield=all"][1]:
        uids = [each[tag]["Value"][0] for tag in ("0020000D", "0020000E", "00080018")]
        path = "/dicom-web/studies/{}/series/{}/instances/{}".format(*uids)
        kept = {"accept": "application/dicom; transfer-syntax=*"}
        answer = await client.get(path, headers=kept)
        said[path] = answer.status_code, sha256(answer.content).hexdigest()
    return said


async def found(archive: Archive, told: Told = quiet, **chosen: bool) -> list[Finding]:
    """All that a check finds."""
    return [each async for each in checks.check(archive, told, **chosen)]


async def kinds(archive: Archive, **chosen: bool) -> list[str]:
    """The kinds of it."""
    return sorted(each.kind for each in await found(archive, **chosen))


async def change(archive: Archive, work: Callable[[Connection], Any]) -> Any:
    """Do something to the database that nobody should."""
    return await archive.database.write(work)


async def stray(archive: Archive, when: datetime | None = None, content: bytes = b"nobody's") -> str:
    """Put an object that no row names, of this age; its key."""
    key = str(ULID.from_datetime(when)) if when else keys.fresh()
    async with Spools(archive.store.temp).open() as spool:
        await spool.write(content)
        await archive.store.put(key, await spool.finish())
    return key


def long_ago() -> datetime:
    """When no upload runs any more that began then."""
    return datetime(2026, 1, 2, tzinfo=UTC)


async def objects(archive: Archive) -> list[str]:
    """The keys in the store."""
    return [key async for key, _ in archive.store.list()]


def rot(path: Path) -> None:
    """Make nothing of a stored file's bytes, as a bad disk would."""
    path.chmod(0o600)
    path.write_bytes(bytes(path.stat().st_size))


def files(folder: Path) -> set[str]:
    """The names of all files below a folder."""
    return {each.name for each in folder.rglob("*") if each.is_file()}
