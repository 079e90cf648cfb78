"""Whole cohorts taken away: ZIP files and tables, over the whole application on both databases."""

import asyncio
import csv
import subprocess
import tracemalloc
from collections.abc import AsyncIterator
from hashlib import sha256
from io import BytesIO, StringIO
from pathlib import Path
from zipfile import ZipFile

import httpx
import psutil
import pytest
from sqlalchemy import Connection, insert, select, update

from app.access import callers
from app.database import migrate
from app.dicom.resource import Resource
from app.errors import ObjectNotFound
from app.index import runs
from app.index.tables import INSTANCE, SERIES
from app.routers import dependencies
from app.services import download
from app.services.plan import Plan
from app.services.root import Ask
from app.services.roots import collection_root
from app.settings import Settings
from app.storage import local
from tests.bodies import content_type, multipart
from tests.instances import ct, part10
from tests.leaks.filled import Filled, credentials, filled, key, let_in
from tests.leaks.world import ALWAYS, Caller, Draft, Grant, Held, Unit, World
from tests.live import serving
from tests.routers.house import HOST, House

STUDIES = "/dicom-web/studies"
INBOX = "/collections/inbox"
NOTES = ["LICENSE.txt", "CITATION.txt"]


async def stored(client: httpx.AsyncClient, *instances: bytes) -> None:
    head = {"content-type": content_type()}
    answer = await client.post(STUDIES, content=multipart(instances), headers=head)
    assert answer.status_code == 200, answer.text


def made(series: int = 3, each: int = 2, study: str = "1.2.3") -> dict[str, bytes]:
    """Instances by their places in the ZIP file."""
    numbered = [(f"{study}.{s}", f"{study}.{s}.{i}", i) for s in range(series) for i in range(each)]
    return {
        f"{study}/{one}/{uid}.dcm": part10(ct(study, one, uid, InstanceNumber=number + 1))
        for one, uid, number in numbered
    }


def opened(answer: httpx.Response) -> dict[str, bytes]:
    file = ZipFile(BytesIO(answer.content))
    assert file.testzip() is None
    return {name: file.read(name) for name in file.namelist()}


@pytest.fixture(params=[1, 1000])
def runs_of(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """With each series read by itself, and with all at once."""
    monkeypatch.setattr(runs, "RUN", request.param)


@pytest.mark.usefixtures("runs_of")
async def test_all_of_it_is_there_and_its_checksums_are_right(
    client: httpx.AsyncClient, tmp_path: Path
) -> None:
    sent = made() | made(1, 1, "1.2.4")
    await stored(client, *sent.values())
    answer = await client.get(f"{INBOX}/archive.zip")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/zip"
    assert answer.headers["content-disposition"] == 'attachment; filename="inbox.zip"'
    assert int(answer.headers["content-length"]) == len(answer.content)
    found = opened(answer)
    assert list(found) == [*NOTES, *sent, "checksums.sha256"]
    assert {name: found[name] for name in sent} == sent
    assert checked(answer, tmp_path).count(": OK\n") == len(sent)


def checked(answer: httpx.Response, folder: Path) -> str:
    """What others' programs say of the file."""
    (folder / "archive.zip").write_bytes(answer.content)
    subprocess.run(["unzip", "-q", "archive.zip"], cwd=folder, check=True)
    check = ["sha256sum", "--check", "--strict", "checksums.sha256"]
    return subprocess.run(check, cwd=folder, capture_output=True, check=True, text=True).stdout


@pytest.mark.parametrize(
    ("path", "within", "name"),
    [
        ("/dicom-web/studies/1.2.3", "1.2.3/", "1.2.3"),
        ("/dicom-web/studies/1.2.3/series/1.2.3.1", "1.2.3/1.2.3.1/", "1.2.3.1"),
        ("/without-results/dicom-web/studies/1.2.3", "1.2.3/", "without-results-1.2.3"),
        (f"{INBOX}/dicom-web/studies/1.2.4", "1.2.4/", "inbox-1.2.4"),
        (f"{INBOX}/with-results", "", "inbox-with-results"),
    ],
)
async def test_studies_series_and_every_home(
    client: httpx.AsyncClient, path: str, within: str, name: str
) -> None:
    sent = made() | made(1, 1, "1.2.4")
    await stored(client, *sent.values())
    answer = await client.get(f"{path}/archive.zip")
    assert set(opened(answer)) == {
        *NOTES,
        *(each for each in sent if each.startswith(within)),
        "checksums.sha256",
    }
    assert answer.headers["content-disposition"] == f'attachment; filename="{name}.zip"'


@pytest.mark.parametrize("path", ["/archive.zip", "/without-results/archive.zip", "/metadata.csv"])
async def test_the_whole_archive_is_not_taken_at_once(client: httpx.AsyncClient, path: str) -> None:
    assert (await client.get(path)).status_code == 404


@pytest.mark.parametrize(
    "path", [f"{INBOX}/archive.zip", "/collections/none/archive.zip", f"{STUDIES}/1/archive.zip"]
)
async def test_of_nothing_there_is_no_file(client: httpx.AsyncClient, path: str) -> None:
    for asked in (path, path.replace("archive.zip", "metadata.csv")):
        assert (await client.get(asked)).status_code == 404


@pytest.mark.usefixtures("runs_of")
async def test_a_download_is_resumed(client: httpx.AsyncClient) -> None:
    await stored(client, *made().values())
    path = f"{INBOX}/archive.zip"
    whole = await client.get(path)
    tag, size = whole.headers["etag"], len(whole.content)
    for half in (0, 1, size // 3, size // 2, size - 1):
        head = {"range": f"bytes={half}-", "if-range": tag}
        rest = await client.get(path, headers=head)
        assert (rest.status_code, rest.headers["etag"]) == (206, tag)
        assert rest.headers["content-range"] == f"bytes {half}-{size - 1}/{size}"
        assert whole.content[:half] + rest.content == whole.content
    changed = await client.get(path, headers={"range": "bytes=9-", "if-range": '"another"'})
    assert (changed.status_code, changed.content) == (200, whole.content)
    beyond = await client.get(path, headers={"range": f"bytes={size}-"})
    assert (beyond.status_code, beyond.headers["content-range"]) == (416, f"bytes */{size}")


async def test_head_and_entity_tags(client: httpx.AsyncClient) -> None:
    await stored(client, *made(1).values())
    for path in (f"{INBOX}/archive.zip", f"{STUDIES}/1.2.3/archive.zip"):
        got, head = await client.get(path), await client.head(path)
        assert (head.status_code, head.content) == (200, b"")
        names = set(got.headers) - {"x-request-id"}
        assert {name: head.headers.get(name) for name in names} == {name: got.headers[name] for name in names}
        again = await client.get(path, headers={"if-none-match": got.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
    before = await client.get(f"{INBOX}/archive.zip")
    await stored(client, *made(2).values())
    after = await client.get(f"{INBOX}/archive.zip")
    assert after.headers["etag"] != before.headers["etag"]


async def test_the_zip_of_wado_answers_range_too(client: httpx.AsyncClient) -> None:
    await stored(client, *made().values())
    head = {"accept": "application/zip"}
    whole = await client.get(f"{STUDIES}/1.2.3", headers=head)
    part = await client.get(f"{STUDIES}/1.2.3", headers={**head, "range": "bytes=700-1234"})
    assert (part.status_code, part.content) == (206, whole.content[700:1235])


async def test_licences_and_citations(client: httpx.AsyncClient) -> None:
    await stored(client, *made(1, 1).values())
    record = {
        "licence": "CC-BY-NC-4.0",
        "title": "Chests of many",
        "authors": [{"name": "Jane Doe"}, {"name": "Richard Roe"}],
        "citations": [{"text": "Doe J (2024).\nChests.", "doi": "10.1234/chests"}],
    }
    shown = await client.get("/api/v1/collections/inbox")
    head = {"if-match": shown.headers["etag"]}
    before = (await client.get(f"{INBOX}/archive.zip")).headers["etag"]
    answer = await client.patch("/api/v1/collections/inbox", json=record, headers=head)
    assert answer.status_code == 200, answer.text
    got = await client.get(f"{INBOX}/archive.zip")
    assert got.headers["etag"] != before
    found = opened(got)
    licence, citation = found["LICENSE.txt"].decode(), found["CITATION.txt"].decode()
    for line in (
        "Chests of many (inbox)",
        "(CC-BY-NC-4.0)",
        "You may not use it commercially.",
        "by-nc/4.0/",
    ):
        assert line in licence
    assert "Chests of many [Data set]. " in citation
    assert "Roe" in citation
    assert "  Doe J (2024). Chests. https://doi.org/10.1234/chests\n" in citation


FIRST, SECOND, THIRD = (Caller(name, number) for number, name in enumerate(("reader", "member", "sender")))
EVERYBODY = (OWNER, STRANGER) = (Caller("owner", owner=True), Caller("stranger"))


@pytest.fixture
async def shared(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Filled]:
    """A collection with an open and a restricted part, both to be found by everybody, and a hidden one."""
    units = (
        Unit(0, None, "open", None, False),
        Unit(0, 0, "request", None, False),
        Unit(1, None, "private", None, True),
    )
    held = tuple(Held(unit, f"1.{unit}", f"1.{unit}.1", f"1.{unit}.1.1", "x") for unit in range(3))
    draft = Draft(2, Held(2, "1.7", "1.7.1", "1.7.1.1", "y"))
    grants = Grant(0, "reader", 0, None, ALWAYS), Grant(2, "submitter", 1, None, ALWAYS)
    world = World((True, False), units, grants, (), held, (draft,))
    monkeypatch.setattr(dependencies, "identify", let_in([FIRST, SECOND, THIRD, *EVERYBODY]))
    assert settings.database
    async with filled(world, settings.database.get_secret_value(), settings.data) as running:
        yield running


async def test_each_caller_takes_what_they_may(shared: Filled) -> None:
    both = {"1.0/1.0.1/1.0.1.1.dcm", "1.1/1.1.1/1.1.1.1.dcm"}
    some = {"1.0/1.0.1/1.0.1.1.dcm"}
    for caller, taken in ((OWNER, both), (FIRST, both), (SECOND, some), (STRANGER, some)):
        head = credentials(caller)
        answer = await shared.client.get("/collections/collection-0/archive.zip", headers=head)
        found = opened(answer)
        assert {name for name in found if name.endswith(".dcm")} == taken, caller
        assert found["checksums.sha256"].count(b"\n") == len(taken)
        listed = table(await shared.client.get("/collections/collection-0/metadata.csv", headers=head))
        assert [row["Study UID"] for row in listed] == ["1.0", "1.1"]
        restricted = "/collections/collection-0/dicom-web/studies/1.1/archive.zip"
        refused = 401 if caller is STRANGER else 403
        answer = await shared.client.get(restricted, headers=head)
        assert answer.status_code == (200 if taken is both else refused)
        for path in ("/collections/collection-1", "/dicom-web/studies/1.2"):
            for what in ("archive.zip", "metadata.csv"):
                answer = await shared.client.get(f"{path}/{what}", headers=head)
                assert answer.status_code == (200 if caller is OWNER else 404)
        assert b"Title 0 (collection-0)" in found["LICENSE.txt"]
        assert b"collection-1" not in found["LICENSE.txt"]


async def test_a_draft_is_taken_from_its_submission(shared: Filled) -> None:
    root = f"/submissions/{key(Draft(2, Held(2, '1.7', '1.7.1', '1.7.1.1', 'y')))}"
    answer = await shared.client.get(f"{root}/archive.zip", headers=credentials(THIRD))
    assert set(opened(answer)) == {*NOTES, "1.7/1.7.1/1.7.1.1.dcm", "checksums.sha256"}
    answer = await shared.client.get(f"{root}/metadata.csv?level=instance", headers=credentials(THIRD))
    assert len(table(answer)) == 1
    for other in (STRANGER, SECOND):
        for what in ("archive.zip", "metadata.csv"):
            answer = await shared.client.get(f"{root}/{what}", headers=credentials(other))
            assert answer.status_code == 404


async def published(client: httpx.AsyncClient, *instances: bytes) -> None:
    """Send these to the collection that is not rolling, and publish them as its next version."""
    head, path = {"content-type": content_type()}, "/collections/fixed/dicom-web/studies"
    answer = await client.post(path, content=multipart(instances), headers=head)
    submission = answer.json()["00081190"]["Value"][0].partition("/submissions/")[2].partition("/")[0]
    for act in ("close", "approve"):
        told = await client.post(f"/api/v1/submissions/{submission}/{act}")
        assert told.status_code == 200, told.text
    told = await client.post("/api/v1/collections/fixed/versions", json={})
    assert told.status_code == 201, told.text


async def test_an_older_version_stays_the_same_file(client: httpx.AsyncClient) -> None:
    made_so = {"slug": "fixed", "title": "Fixed", "licence": "CC-BY-4.0"}
    assert (await client.post("/api/v1/collections", json=made_so)).status_code == 201
    sent, first = made(2, 2), "/collections/fixed/versions/1"
    await published(client, *sent.values())
    before = await client.get(f"{first}/archive.zip")
    assert set(opened(before)) == {*NOTES, *sent, "checksums.sha256"}
    assert before.headers["content-disposition"] == 'attachment; filename="fixed-versions-1.zip"'
    corrected = part10(ct("1.2.3", "1.2.3.0", "1.2.3.0.0", SeriesDescription="Corrected"))
    await published(client, corrected, made(3, 1)["1.2.3/1.2.3.2/1.2.3.2.0.dcm"])
    after = await client.get(f"{first}/archive.zip", headers={"range": "bytes=500-"})
    assert (after.headers["etag"], after.content) == (before.headers["etag"], before.content[500:])
    latest = opened(await client.get("/collections/fixed/archive.zip"))
    assert latest["1.2.3/1.2.3.0/1.2.3.0.0.dcm"] == corrected
    assert len(latest) == len(sent) + 4
    for version, series in ((1, 2), (2, 3)):
        path = f"/collections/fixed/versions/{version}/metadata.csv"
        assert len(table(await client.get(path))) == series
    assert (await client.get("/collections/fixed/versions/3/archive.zip")).status_code == 404


async def planned(house: House) -> Plan:
    root = await collection_root(house.archive, callers.OWNER, HOST, "inbox")
    return await download.archive_zip(root, Resource(), Ask())


async def sent_by(plan: Plan, start: int = 0, stop: int | None = None) -> bytes:
    content = plan.parts[0].content
    pieces = [piece async for piece in content.stream(start, content.size if stop is None else stop)]
    return b"".join(pieces)  # type: ignore[arg-type]


async def test_growth_in_mid_stream_changes_nothing(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "RUN", 1)
    sent = made(2, 2)
    await stored(house.owner, *sent.values())
    plan = await planned(house)
    before = await sent_by(plan, 0, 1000)
    # New instances come into the series that are being sent, and a new series beside them.
    await stored(house.owner, *made(3, 4).values())
    whole = before + await sent_by(plan, 1000)
    assert set(ZipFile(BytesIO(whole)).namelist()) == {*NOTES, *sent, "checksums.sha256"}
    assert ZipFile(BytesIO(whole)).testzip() is None
    assert (await planned(house)).etag != plan.etag


async def test_what_changed_is_not_sent_as_something_else(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "RUN", 1)
    await stored(house.owner, *made(2, 2).values())
    plan = await planned(house)
    await house.write(lambda c: c.execute(update(INSTANCE).values(sha256=bytes(32))))
    with pytest.raises(ObjectNotFound):
        await sent_by(plan)


def rows_like(connection: Connection, series: int, each: int) -> None:
    """Many series of many instances, all with the bytes of the one instance that is there."""
    one = dict(connection.execute(select(SERIES)).mappings().one())
    its = dict(connection.execute(select(INSTANCE)).mappings().one())
    del its["id"], one["id"]
    for number in range(series):
        uid = f"1.2.3.9.{number}"
        row = {**one, "series_instance_uid": uid, "number_of_series_related_instances": each}
        key = connection.execute(insert(SERIES).values(row).returning(SERIES.c.id)).scalar_one()
        rows = [{**its, "series_row": key, "sop_instance_uid": f"{uid}.{n}"} for n in range(each)]
        connection.execute(insert(INSTANCE), rows)


async def test_memory_is_bounded_by_a_run(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "RUN", 100)
    await stored(house.owner, *made(1, 1).values())
    await house.archive.database.write(lambda c: rows_like(c, 100, 100))
    await planned(house)
    tracemalloc.start()
    try:
        plan = await planned(house)
        size, content = 0, plan.parts[0].content
        # From within the list of checksums on: nothing of what is before it is looked at.
        async for piece in content.stream(content.size - 2_000_000, content.size):
            size += len(piece)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (size, plan.instances) == (2_000_000, 10_001)
    # All instances at once would be six times as much.
    assert peak < 2_500_000


async def test_who_leaves_leaves_nothing_behind(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "PIECE", 1 << 16)
    await stored(house.owner, part10(ct(PixelData=bytes(9 << 20), Rows=1, Columns=1)))
    content = (await planned(house)).parts[0].content
    before = open_objects()
    stream = content.stream(0, content.size)
    size = 0
    async for piece in stream:
        size += len(piece)
        if size > 1 << 20:
            break
    assert len(open_objects()) == len(before) + 1
    await stream.aclose()
    for _ in range(9):
        await asyncio.sleep(0)
    assert open_objects() == before


def open_objects() -> list[str]:
    return [each.path for each in psutil.Process().open_files() if "/objects/" in each.path]


def test_a_missing_object_breaks_the_connection(settings: Settings) -> None:
    """It is noticed when bytes flow already: they are fewer than was said."""
    asyncio.run(migrate(settings.database_url))
    with serving(settings) as url, httpx.Client(base_url=url, timeout=30) as client:
        body, head = multipart(made(1, 2).values()), {"content-type": content_type()}
        assert client.post(STUDIES, content=body, headers=head).status_code == 200
        max(path for path in (settings.data / "objects").rglob("*") if path.is_file()).unlink()
        with pytest.raises(httpx.RemoteProtocolError):
            client.get(f"{INBOX}/archive.zip")
        assert client.head(f"{INBOX}/archive.zip").status_code == 200


async def test_instances_are_counted(house: House) -> None:
    await stored(house.owner, *made().values())
    house.archive.views.take()
    await house.owner.get(f"{INBOX}/archive.zip")
    await house.owner.get(f"{INBOX}/metadata.csv")
    counted = {each.act: (each.place, sums.instances) for each, sums in house.archive.views.take().items()}
    inbox = "collection", "inbox"
    assert counted == {"download": (inbox, 6), "metadata": (inbox, 0)}


def table(answer: httpx.Response) -> list[dict[str, str]]:
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.text.endswith("\r\n")
    return list(csv.DictReader(StringIO(answer.text, newline="")))


@pytest.mark.usefixtures("runs_of")
async def test_a_table_of_series(client: httpx.AsyncClient) -> None:
    sent = made(2, 3)
    odd = part10(
        ct("1.2.5", "1.2.5.1", "1.2.5.1.1", SeriesDescription="=cmd|'/C calc'!A0, \"x\"", SeriesNumber=-1)
    )
    await stored(client, *sent.values(), odd)
    answer = await client.get(f"{INBOX}/metadata.csv")
    assert answer.headers["content-disposition"] == 'attachment; filename="inbox-series.csv"'
    first, second, third = table(answer)
    assert list(first)[:6] == [
        *(
            "Series UID",
            "Collection",
            "3rd Party Analysis",
            "Data Description URI",
            "Subject ID",
            "Study UID",
        ),
    ]
    assert (
        first
        | {
            "Series UID": "1.2.3.0",
            "Collection": "inbox",
            "3rd Party Analysis": "NO",
            "Data Description URI": f"{HOST}/collections/inbox",
            "Subject ID": "P1",
            "Study UID": "1.2.3",
            "Study Date": "02-29-2024",
            "Modality": "CT",
            "SOP Class Name": "CT Image Storage",
            "SOP Class UID": "1.2.840.10008.5.1.4.1.1.2",
            "Number of Images": "3",
            "File Size": str(sum(len(data) for name, data in sent.items() if "/1.2.3.0/" in name)),
            "File Location": "1.2.3/1.2.3.0",
            "Series Number": "2",
            "Annotation Size": "0",
        }
        == first
    )
    assert second["Series UID"] == "1.2.3.1"
    assert third["Series Description"] == "'=cmd|'/C calc'!A0, \"x\""
    assert third["Series Number"] == "-1"
    (alone,) = table(await client.get(f"{STUDIES}/1.2.3/series/1.2.3.1/metadata.csv?level=series"))
    assert alone == second


@pytest.mark.usefixtures("runs_of")
async def test_a_table_of_instances(client: httpx.AsyncClient) -> None:
    sent = made(2, 2)
    await stored(client, *sent.values())
    rows = table(await client.get(f"{STUDIES}/1.2.3/metadata.csv?level=instance"))
    assert [row["File Location"] for row in rows] == list(sent)
    assert [row["SHA-256"] for row in rows] == [sha256(data).hexdigest() for data in sent.values()]
    assert [row["File Size"] for row in rows] == [str(len(data)) for data in sent.values()]
    one = rows[0]
    assert (one["Rows"], one["Columns"], one["Transfer Syntax UID"]) == ("6", "8", "1.2.840.10008.1.2.1")
    assert (await client.get(one["URL"], headers={"accept": "application/dicom"})).content == sent[
        rows[0]["File Location"]
    ]


async def test_of_a_table_only_what_there_is(client: httpx.AsyncClient) -> None:
    await stored(client, *made(1, 1).values())
    assert (await client.get(f"{INBOX}/metadata.csv?level=frame")).status_code == 400
    head = await client.head(f"{INBOX}/metadata.csv")
    assert (head.status_code, head.content) == (200, b"")
