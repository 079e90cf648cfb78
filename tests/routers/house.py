"""The application with whoever calls it: people, groups and collections made at will."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
from fastapi import FastAPI
from sqlalchemy import Connection, insert
from starlette.types import ASGIApp, Receive, Scope, Send

from app.access.callers import OWNER, STRANGER, Caller
from app.archive import Archive
from app.main import create_app
from app.models.types import now
from app.registry import rights
from app.registry.tables import COLLECTION, PERSON, SITE, UNIT
from app.routers.counted import note
from app.routers.dependencies import CALLER
from app.settings import Settings

HOST = "http://localhost:8080"


@dataclass(slots=True)
class House:
    """A running application: `owner`, `stranger` and whoever is made are its clients."""

    app: FastAPI
    clients: dict[str, httpx.AsyncClient]

    @property
    def archive(self) -> Archive:
        archive: Archive = self.app.state.archive
        return archive

    @property
    def owner(self) -> httpx.AsyncClient:
        return self.client(OWNER)

    @property
    def stranger(self) -> httpx.AsyncClient:
        return self.client(STRANGER)

    def client(self, caller: Caller) -> httpx.AsyncClient:
        """Requests as this caller's."""
        key = repr(caller)
        if key not in self.clients:
            transport = httpx.ASGITransport(self._sent_by(caller), raise_app_exceptions=True)
            self.clients[key] = httpx.AsyncClient(transport=transport, base_url=HOST)
        return self.clients[key]

    def _sent_by(self, caller: Caller) -> ASGIApp:
        """The application, which has found out already who sends it requests."""

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            known = {**scope, CALLER: caller}
            note(known, self.archive, caller)
            await self.app(known, receive, send)

        return app

    async def write(self, work: Callable[[Connection], Any]) -> Any:
        """Run work in a transaction that changes who may do what."""

        def changing(connection: Connection) -> Any:
            rights.changed(connection)
            return work(connection)

        return await self.archive.database.write(changing)

    async def person(self, name: str, **values: Any) -> Caller:
        """Somebody who signed in."""
        flags = {"admin": False, "auditor": False, "disabled": False, **values}
        row = {"issuer": "", "subject": name, "name": "", "email": "", "password": "", "created_at": now()}
        made = insert(PERSON).values({**row, **flags}).returning(PERSON.c.id)
        key = await self.write(lambda connection: connection.execute(made).scalar_one())
        return Caller(name, key, signed_in=True, everything=flags["admin"])

    async def collection(self, slug: str, *units: dict[str, Any]) -> int:
        """A collection with these access units, the first its own; a `site` is made with its unit."""
        row = {"slug": slug, "title": slug, "kind": "collection", "licence": "CC-BY-4.0", "record": b"{}"}
        rest = {
            "rolling": False,
            "latest_version": 0,
            "revision": 1,
            "created_at": now(),
            "changed_at": now(),
        }

        def work(connection: Connection) -> int:
            made = connection.execute(insert(COLLECTION).values({**row, **rest}).returning(COLLECTION.c.id))
            collection = int(made.scalar_one())
            for unit in units or ({},):
                values = {"collection_id": collection, "tier": "private", "hidden": True, **unit}
                if name := values.pop("site", None):
                    site = insert(SITE).values(collection_id=collection, slug=name, name=name)
                    values["site_id"] = connection.execute(site.returning(SITE.c.id)).scalar_one()
                connection.execute(insert(UNIT).values(values))
            return collection

        made: int = await self.write(work)
        return made


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[House]:
    """The application for these settings, running."""
    app = create_app(settings)
    house = House(app, {})

    async with app.router.lifespan_context(app):
        yield house
        for client in house.clients.values():
            await client.aclose()
