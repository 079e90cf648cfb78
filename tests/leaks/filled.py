"""Worlds put into running archives, and callers let into them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from hashlib import sha256
from pathlib import Path

import httpx
from fastapi import FastAPI
from sqlalchemy import Connection, insert, select

from app.access import callers
from app.access.secrets import Credentials
from app.archive import Archive
from app.dicom.store_response import Failed
from app.errors import InvalidToken
from app.index import publish
from app.index.publish import Leaving
from app.index.scope import ARCHIVE
from app.index.tables import ACCESS_UNIT, CART_SERIES, COLLECTION, SERIES, TOMBSTONE
from app.index.writer import Place
from app.main import create_app
from app.models.types import now
from app.registry import rights
from app.registry.tables import (
    ANALYSIS_SOURCE,
    CART,
    GRANT,
    GROUP,
    MEMBER,
    PERSON,
    SITE,
    SUBMISSION,
    VERSION,
)
from app.services import uploads
from app.services.root import Root
from app.services.store import store
from app.settings import Settings
from app.viewer import OWNER, Capability
from tests.instances import ct, part10
from tests.leaks.world import PEOPLE, Caller, Draft, Grant, Held, World

#: The collections' rows, by their number in the world: the inbox is another one.
FIRST = 101
PERSON_FIRST = 501
TOKEN = "0123456789abcdef"
#: The same moments in every archive that is compared with another.
BEGUN = now()
OPENED = datetime(2026, 1, 1, tzinfo=UTC)
CART_KEY = "c" * 32


@dataclass(frozen=True)
class Filled:
    """A running archive that holds a world."""

    client: httpx.AsyncClient
    app: FastAPI

    @property
    def archive(self) -> Archive:
        """The machines behind it."""
        archive: Archive = self.app.state.archive
        return archive

    def share(self, other: "Filled") -> None:
        """Draw with the other's processes: to start some for each archive takes longer than all the rest."""
        self.app.state.archive = replace(self.archive, codecs=other.archive.codecs)


@cache
def _app(number: int) -> FastAPI:
    """Applications are made once: what they answer from is put into them."""
    return create_app(Settings(owner_token=TOKEN))


@asynccontextmanager
async def filled(world: World, url: str, folder: Path, number: int = 0) -> AsyncIterator[Filled]:
    """An archive of this world alone, over a migrated and empty database; of each number one at a time."""
    archive = await Archive.open(Settings(data=folder, database=url, owner_token=TOKEN))
    app = _app(number)
    app.state.archive = archive
    transport = httpx.ASGITransport(app, raise_app_exceptions=True)
    async with httpx.AsyncClient(transport=transport, base_url="http://archive.test") as client:
        try:
            await archive.database.write(lambda connection: _put(connection, world))
            for held in world.held:
                await _publish(archive, world, held)
            await archive.database.write(lambda connection: _cut(connection, world))
            for draft in world.drafts:
                await _draft(archive, world, draft)
            yield Filled(client, app)
        finally:
            await archive.close()


def slug(collection: int) -> str:
    """A collection's name in addresses."""
    return f"collection-{collection}"


def _put(connection: Connection, world: World) -> None:
    for collection in sorted({unit.collection for unit in world.units if unit.collection >= 0}):
        row = {"id": FIRST + collection, "slug": slug(collection), "title": f"Title {collection}"}
        analysed = world.analysed and collection == len(world.rolling) - 1
        row |= {
            "kind": "analysis-result" if analysed else "collection",
            "licence": "CC-BY-4.0",
            "rolling": world.rolling[collection],
        }
        row |= {
            "latest_version": 0,
            "record": b"{}",
            "revision": 1,
            "created_at": OPENED,
            "changed_at": OPENED,
        }
        connection.execute(insert(COLLECTION).values(row))
        if analysed and any(unit.collection == 0 for unit in world.units):
            sources = {"analysis_result_id": FIRST + collection, "collection_id": FIRST}
            connection.execute(insert(ANALYSIS_SOURCE).values(sources))
    for place, unit in enumerate(world.units):
        if unit.collection >= 0:
            _put_unit(connection, world, place)
    for number in range(PEOPLE):
        row = {"id": PERSON_FIRST + number, "subject": f"person {number}", "created_at": OPENED}
        row |= dict.fromkeys(("issuer", "name", "email", "password"), "")
        row |= dict.fromkeys(("admin", "auditor", "disabled"), False)
        connection.execute(insert(PERSON).values(row))
    connection.execute(insert(GROUP).values(id=1, slug="group", name="Group", created_at=OPENED))
    for person, (_, end) in dict(world.members).items():
        row = {"group_id": 1, "person_id": PERSON_FIRST + person, "ends_at": _at(end)}
        connection.execute(insert(MEMBER).values(row))
    for row, grant in enumerate(world.grants, 1):
        _put_grant(connection, world, row, grant)
    rights.changed(connection)


def _put_unit(connection: Connection, world: World, place: int) -> None:
    unit = world.units[place]
    collection, site = FIRST + unit.collection, None
    if unit.site is not None:
        site = FIRST + unit.collection
        row = {"id": site, "collection_id": collection, "slug": f"site-{unit.collection}", "name": "A site"}
        connection.execute(insert(SITE).values(row))
    embargo = None if unit.embargo is None else (now() + timedelta(days=unit.embargo)).date()
    row = {"id": FIRST + place, "collection_id": collection, "site_id": site, "tier": unit.tier}
    connection.execute(insert(ACCESS_UNIT).values(**row, embargo_until=embargo, hidden=unit.hidden))


def _put_grant(connection: Connection, world: World, row: int, grant: Grant) -> None:
    sites = {unit.collection for unit in world.units if unit.site is not None}
    held = {unit.collection for unit in world.units}
    if grant.collection not in held or (grant.site is not None and grant.collection not in sites):
        return
    to = grant.to if isinstance(grant.to, str) else "person"
    start, end = grant.days
    connection.execute(
        insert(GRANT).values(
            id=row,
            to=to,
            person_id=PERSON_FIRST + grant.to if isinstance(grant.to, int) else None,
            group_id=1 if to == "group" else None,
            role=grant.role,
            collection_id=FIRST + grant.collection,
            site_id=None if grant.site is None else FIRST + grant.collection,
            starts_at=_at(start),
            ends_at=_at(end),
            revoked_at=_at(-1) if grant.revoked else None,
            reason="for the test",
            granted_by="owner",
        )
    )


def _at(days: int | None) -> object:
    return None if days is None else BEGUN + timedelta(days=days)


async def _publish(archive: Archive, world: World, held: Held) -> None:
    place, rolling = _place(world, held), world.rolling[world.units[held.unit].collection]
    await archive.database.write(lambda c: _make(c, place.collection, rolling=True))
    await _store(archive, place, held)
    await archive.database.write(lambda c: _make(c, place.collection, rolling=rolling))


def _cut(connection: Connection, world: World) -> None:
    """Two versions of each collection; the second is without what was withdrawn. A cart of the first."""
    collections = sorted({unit.collection for unit in world.units if unit.collection >= 0})
    for collection in collections:
        publish.freeze(connection, FIRST + collection, 1)
        _put_version(connection, FIRST + collection, 1)
    row = {"key": CART_KEY, "name": "A cart", "description": "", "audience": "anyone", "doi": ""}
    cart = insert(CART).values(id=FIRST, revision=1, created_at=OPENED, **row)
    connection.execute(cart)
    rows = connection.scalars(select(SERIES.c.id)).all()
    if rows:
        connection.execute(insert(CART_SERIES), [{"cart_id": FIRST, "series_row": each} for each in rows])
    for collection in collections:
        _withdraw(connection, world, collection)
        _put_version(connection, FIRST + collection, 2)


def _put_version(connection: Connection, collection: int, number: int) -> None:
    row = {"collection_id": collection, "number": number, "note": "", "doi": "", "published_by": "owner"}
    made = insert(VERSION).values(id=10 * collection + number, published_at=OPENED, **row)
    connection.execute(made)
    connection.execute(COLLECTION.update().where(COLLECTION.c.id == collection).values(latest_version=number))


def _withdraw(connection: Connection, world: World, collection: int) -> None:
    held = {
        (each.study, each.series, each.instance)
        for each in world.held
        if world.units[each.unit].collection == collection
    }
    gone = sorted(
        address for of, *address in map(list, world.withdrawn) if of == collection and tuple(address) in held
    )
    if not gone:
        return
    for leaving, unit in publish.publish(connection, FIRST + collection, 2, (), map(Leaving._make, gone)):
        row = {"collection_id": FIRST + collection, "access_unit_id": unit, "version": 2, "purged": False}
        row |= {"study_instance_uid": leaving.study, "series_instance_uid": leaving.series}
        row |= {"sop_instance_uid": leaving.instance, "reason": "Withdrawn", "by": "owner", "object_key": ""}
        connection.execute(insert(TOMBSTONE).values(at=OPENED, **row))


async def _draft(archive: Archive, world: World, draft: Draft) -> None:
    place = _place(world, draft.held)
    row = {"key": key(draft), "collection_id": place.collection, "access_unit_id": place.access_unit}
    row |= {"person_id": PERSON_FIRST + draft.person, "state": "open", "opened_at": OPENED}
    made = insert(SUBMISSION).values(row).returning(SUBMISSION.c.id)
    number = await archive.database.write(lambda c: c.execute(made).scalar_one())
    await _store(archive, replace(place, submission=number), draft.held)


def key(draft: Draft) -> str:
    """The key of a draft's submission."""
    return sha256(f"{draft}".encode()).hexdigest()[:32]


def _place(world: World, held: Held) -> Place:
    return Place(FIRST + world.units[held.unit].collection, FIRST + held.unit)


async def _store(archive: Archive, place: Place, held: Held) -> None:
    root = Root(archive, ARCHIVE, OWNER, "http://archive.test", "/dicom-web", "", place)
    outcomes = await store(root, None, uploads.one(archive.spools, _body(instance(held))))
    assert not isinstance(outcomes[0], Failed), outcomes


def _make(connection: Connection, collection: int, *, rolling: bool) -> None:
    connection.execute(COLLECTION.update().where(COLLECTION.c.id == collection).values(rolling=rolling))


def instance(held: Held) -> bytes:
    """An instance that says something of its own in every attribute that can be asked for."""
    said = held.said
    return part10(
        ct(
            held.study,
            held.series,
            held.instance,
            PatientID=f"ID {said}",
            PatientName=f"Name^{said}",
            AccessionNumber=said[-16:],
            StudyDescription=f"Study {said}",
            SeriesDescription=f"Series {said}",
            Manufacturer=f"Maker {said}",
            InstanceNumber=int(held.instance.rsplit(".", 1)[1]),
            SeriesNumber=int(held.series.rsplit(".", 1)[1]),
        )
    )


async def _body(data: bytes) -> AsyncIterator[bytes]:
    yield data


def credentials(caller: Caller) -> dict[str, str]:
    """The headers by which `identify` knows the caller."""
    return {} if caller.name == "stranger" else {"authorization": f"Bearer {caller.name}"}


def let_in(known: list[Caller]):
    """A stand-in for sign-in, which has tests of its own."""
    by_name = {caller.name: _caller(caller) for caller in known}

    async def identify(_: Archive, brought: Credentials) -> callers.Caller:
        if brought.token is None:
            return callers.STRANGER
        if brought.token in by_name:
            return by_name[brought.token]
        raise InvalidToken

    return identify


def _caller(caller: Caller) -> callers.Caller:
    return callers.Caller(
        caller.name,
        person=None if caller.person is None else PERSON_FIRST + caller.person,
        signed_in=caller.owner or caller.person is not None,
        everything=caller.owner,
        capabilities=caller.capabilities and frozenset(map(Capability, caller.capabilities)),
        collections=None if caller.collection is None else frozenset({FIRST + caller.collection}),
        studies=caller.studies,
    )
