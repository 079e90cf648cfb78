"""Nobody learns of what they may not see: for every route, every caller, archives at random.

For each caller the archive is built a second time without all that is hidden from them. Whatever is asked,
both archives give the same answer: status, headers, body. So what is hidden is in no hit, count, facet,
total, entity tag or error, and an address of it is like one that never was; both take as many statements.
"""

import itertools
import os
import re
import shutil
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractContextManager, AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, Phase, given, settings

from app.access.callers import STRANGER
from app.database import access
from app.main import create_app
from app.routers import dependencies
from app.settings import Settings
from app.storage import keys
from tests.conftest import TABLES
from tests.leaks.filled import Filled, credentials, filled, instance, key, let_in
from tests.leaks.routes import (
    BELOW,
    BESIDE,
    CHANGING,
    OWNERS,
    PUBLIC,
    ROOTS,
    STRANGERS,
    UNKNOWN,
    Address,
    Asked,
    asked,
    slugs,
)
from tests.leaks.world import DOWNLOAD, FIND, VIEW, Caller, Held, World, callers, worlds
from tests.postgres import Cluster, restore

Statements = Callable[[], AbstractContextManager[list[str]]]
#: What differs from one answer to the next whoever asks.
VOLATILE = {"x-request-id", "date"}
#: Addresses that are tried at each route, of those that the archive holds.
ADDRESSES = 2
MADE = datetime(2026, 1, 1, tzinfo=UTC)
pytestmark = pytest.mark.timeout(900)
#: To make a failing archive smaller takes minutes for each step: `Phase.shrink` is for who looks into one.
PHASES = (Phase.explicit, Phase.reuse, Phase.generate)
#: Archives drawn for each test and database; READINGROOM_LEAKS draws more.
EXAMPLES = int(os.environ.get("READINGROOM_LEAKS", "1"))
COUNTED = {"requests": 0, "routes": 0, "callers": 0, "worlds": 0}


Fresh = Callable[[], Awaitable[tuple[str, Path]]]


@pytest.fixture(params=["sqlite", "postgres"])
def fresh(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Fresh]:
    """The address of an empty database, and a folder, each time others, on each engine in turn."""
    numbers = itertools.count()

    async def make() -> tuple[str, Path]:
        number = next(numbers)
        folder = tmp_path / f"archive-{number}"
        folder.mkdir()
        return await copied(number, folder), folder

    if request.param == "sqlite":
        migrated: Path = request.getfixturevalue("migrated_sqlite")

        async def copied(_: int, folder: Path) -> str:
            shutil.copyfile(migrated, folder / "index.db")
            return f"sqlite:///{folder}/index.db"

        yield make
        return
    cluster: Cluster = request.getfixturevalue("migrated_postgres")
    cluster.run(restore(TABLES), "index")

    async def copied(number: int, _: Path) -> str:
        await cluster.execute(f"CREATE DATABASE leaks_{number} TEMPLATE index")
        return cluster.url(f"leaks_{number}")

    yield make
    for number in range(next(numbers)):
        cluster.run(f"DROP DATABASE leaks_{number} WITH (FORCE)")


@settings(deadline=None, max_examples=EXAMPLES, phases=PHASES, suppress_health_check=list(HealthCheck))
@given(world=worlds())
async def test_what_is_hidden_makes_no_difference(
    world: World,
    fresh: Fresh,
    statements: Statements,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    known = callers(world)
    monkeypatch.setattr(dependencies, "identify", let_in(known))
    # A read that takes long here is not begun again elsewhere: its statements would count twice.
    monkeypatch.setattr(access, "SECONDS_IN_LOOP", 60)
    # What a ZIP file says of when its entries were stored.
    monkeypatch.setattr(keys, "made", lambda _: MADE)
    async with AsyncExitStack() as stack:
        whole = await stack.enter_async_context(filled(world, *await fresh()))
        for caller in known:
            async with filled(world.without_what_is_hidden(caller), *await fresh(), number=1) as seen:
                await _compare(whole, seen, caller, world, statements)
    COUNTED["worlds"] += 1
    print("compared so far:", COUNTED)


async def _compare(whole: Filled, seen: Filled, caller: Caller, world: World, statements: Statements) -> None:
    COUNTED["callers"] += 1
    seen.share(whole)
    for archive in (whole, seen):
        # What a caller may do is read with their first requests.
        for root in ("", "/collections/none"):
            await archive.client.get(f"{root}/dicom-web/studies", headers=credentials(caller))
        # And what a stranger may, whom DOIs are for.
        rights = archive.app.state.archive.rights
        await rights.viewer(STRANGER, await rights.register())
    addresses = _addresses(world)
    paths = set(_reading(whole)) - (OWNERS if caller.owner else set())
    paths -= set() if caller.name == "stranger" else STRANGERS
    for path in sorted(paths):
        COUNTED["routes"] += 1
        for each in asked(path, world, addresses):
            await _same(whole, seen, caller, each, statements)


async def _same(whole: Filled, seen: Filled, caller: Caller, each: Asked, statements: Statements) -> None:
    COUNTED["requests"] += 1
    headers = {**credentials(caller), **each.headers}
    with statements() as asked_of_whole:
        one = await whole.client.get(each.path, headers=headers)
    with statements() as asked_of_seen:
        other = await seen.client.get(each.path, headers=headers)
    told = f"{caller.name} asks for {each.path} {each.headers}"
    assert _plain(one) == _plain(other), told
    assert len(asked_of_whole) == len(asked_of_seen), (told, asked_of_whole, asked_of_seen)
    if etag := one.headers.get("etag"):
        again = await whole.client.get(each.path, headers={**headers, "if-none-match": etag})
        assert again.status_code == 304, told


def _plain(answer: httpx.Response) -> tuple[Any, ...]:
    headers = sorted((name, value) for name, value in answer.headers.items() if name not in VOLATILE)
    return answer.status_code, headers, answer.content


def _addresses(world: World) -> list[Address]:
    held = [
        (each.study, each.series, each.instance) for each in (*world.held, *(d.held for d in world.drafts))
    ]
    return [*dict.fromkeys(held[:: max(1, len(held) // ADDRESSES)]), UNKNOWN]


def _reading(archive: Filled) -> list[str]:
    paths = archive.app.openapi()["paths"]
    return [path for path, methods in paths.items() if "get" in methods]


@settings(deadline=None, max_examples=EXAMPLES, phases=PHASES, suppress_health_check=list(HealthCheck))
@given(world=worlds())
async def test_what_may_be_seen_is_there(world: World, fresh: Fresh, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each caller finds, looks at and takes exactly what the slow answer says: neither more nor less."""
    known = callers(world)
    monkeypatch.setattr(dependencies, "identify", let_in(known))
    async with filled(world, *await fresh()) as archive:
        for caller in known:
            await _finds(archive, caller, world)
            for each in dict.fromkeys((held.study, held.series, held.instance) for held in world.held):
                await _takes(archive, caller, world, each)


async def _finds(archive: Filled, caller: Caller, world: World) -> None:
    found = {(held.study, held.series, held.instance) for held in world.held_by(caller, FIND)}
    asked_for = {"/studies": 1, "/series": 2, "/instances": 3}
    for path, depth in asked_for.items():
        answer = await archive.client.get(f"/dicom-web{path}", headers=credentials(caller))
        if not world.may_do_anything(caller):
            assert answer.status_code == 401, caller
            continue
        seen = {_uids(each)[:depth] for each in (answer.json() if answer.content else ())}
        assert seen == {address[:depth] for address in found}, (caller, path, world)


def _uids(result: dict[str, Any]) -> tuple[str, ...]:
    return tuple(result[tag]["Value"][0] for tag in ("0020000D", "0020000E", "00080018") if tag in result)


async def _takes(archive: Filled, caller: Caller, world: World, address: Address) -> None:
    study, series, instance = address
    path = f"/dicom-web/studies/{study}/series/{series}/instances/{instance}"
    acts = {"/metadata": FIND, "/frames/1": VIEW, "": DOWNLOAD}
    finds = any(_address(held) == address for held in world.held_by(caller, FIND))
    found = any(_address(held) == address for held in world.ever_held_by(caller, FIND))
    for act, right in acts.items():
        may = any(_address(held) == address for held in world.held_by(caller, right))
        refused = (403 if caller.person is not None else 401) if finds else 410 if found else 404
        if not world.may_do_anything(caller):
            refused = 401
        answer = await archive.client.get(path + act, headers=credentials(caller))
        assert answer.status_code == (200 if may else refused), (caller, path + act, answer.text)


def _address(held: Held) -> Address:
    return held.study, held.series, held.instance


@settings(deadline=None, max_examples=EXAMPLES, phases=PHASES, suppress_health_check=list(HealthCheck))
@given(world=worlds())
async def test_storing_tells_nothing(world: World, fresh: Fresh, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who sends what is there, but hidden from them, gets the answer that they would get without it."""
    known = callers(world)
    monkeypatch.setattr(dependencies, "identify", let_in(known))
    for caller in known:
        reduced = world.without_what_is_hidden(caller)
        async with filled(world, *await fresh()) as whole, filled(reduced, *await fresh(), number=1) as seen:
            for path, body in _sent(world):
                answers = [await _stored(archive, caller, path, body) for archive in (whole, seen)]
                assert answers[0] == answers[1], (caller, path)
                again = [await _stored(archive, caller, path, body) for archive in (whole, seen)]
                assert again[0] == again[1], (caller, path)


def _sent(world: World) -> Iterator[tuple[str, bytes]]:
    """To every root, an instance under a UID that is held, and one of a held series under its own."""
    roots = ["", *(f"/collections/{each}" for each in slugs(world))]
    roots += [f"/submissions/{key(draft)}" for draft in world.drafts]
    for held in world.held[:2]:
        other = replace(held, said="sent")
        for each in (other, replace(other, instance=f"{held.series}.7"), replace(other, study="1.2.8")):
            yield from ((f"{root}/dicom-web/studies", instance(each)) for root in roots)


async def _stored(archive: Filled, caller: Caller, path: str, body: bytes) -> tuple[Any, ...]:
    head = {**credentials(caller), "content-type": "application/dicom"}
    answer = await archive.client.post(path, content=body, headers=head)
    opened = re.search(r"/submissions/[0-9a-f]{32}", answer.text)
    looked = (path.removesuffix("/studies"), f"{opened[0]}/dicom-web" if opened else "/dicom-web")
    found = [await archive.client.get(f"{root}/instances", headers=credentials(caller)) for root in looked]
    return tuple(
        (each.status_code, re.sub(r"/submissions/[0-9a-f]{32}", "", each.text)) for each in (answer, *found)
    )


def test_every_route_is_asked() -> None:
    """Those that change something are in a table of their own, with the tests that try them."""
    paths = create_app(Settings()).openapi()["paths"]
    below = {path: root for path in paths for root in ROOTS if path.startswith(root)}
    assert {path.removeprefix(root) for path, root in below.items()} == BELOW.keys()
    assert paths.keys() - below == BESIDE.keys() | PUBLIC | CHANGING.keys()
