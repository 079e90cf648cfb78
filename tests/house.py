"""An archive with sign-in, its people and their collections."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import httpx
from sqlalchemy import insert

from app.access.secrets import PERSONAL, digest, make
from app.archive import Archive
from app.main import create_app
from app.models.types import now
from app.registry import collections, people, rights, tokens
from app.registry.record import Record
from app.registry.tables import GRANT, UNIT
from app.settings import Settings
from app.viewer import Capability
from tests.instances import ct, part10

OWNERS = "0123456789abcdef-the-owners"
BASE = "http://archive.test"
PASSWORD = "correct horse battery"
DAY = timedelta(days=1)


def bearer(token: str) -> dict[str, str]:
    """The headers of who sends this token."""
    return {"Authorization": f"Bearer {token}"}


OWNER = bearer(OWNERS)


@dataclass
class House:
    """The application, the machines behind it, and a browser that knows nobody yet."""

    app: Any
    archive: Archive
    browser: httpx.AsyncClient

    @asynccontextmanager
    async def another_browser(self, base: str = BASE, **more: Any) -> AsyncIterator[httpx.AsyncClient]:
        """A client with cookies of its own; what is not for `base` goes out to the network."""
        transport = httpx.ASGITransport(self.app, client=("192.0.2.7", 50000))
        async with httpx.AsyncClient(mounts={base: transport}, base_url=base, **more) as client:
            yield client

    async def person(self, subject: str = "mary", issuer: str = "", **values: Any) -> int:
        """Somebody's row."""
        return await self.archive.database.write(
            lambda connection: people.add(connection, issuer, subject, **values)
        )

    async def token(
        self,
        person: int | None,
        scopes: Iterable[Capability] = (),
        within: Iterable[int] = (),
        ends: datetime | None = None,
    ) -> str:
        """A personal token of somebody."""
        secret, until = make(PERSONAL), ends or now() + DAY
        kept = secret[:8], digest(secret)
        await self.archive.database.write(
            lambda connection: tokens.make(connection, person, "one", kept, scopes, within, until)
        )
        return secret

    async def collection(self, slug: str, tier: str = "private", hidden: bool = True) -> int:
        """A rolling collection of one access unit; its row."""

        def write(connection: Any) -> int:
            row = collections.create(connection, slug, {"title": slug, "rolling": True}, Record())
            unit = {"collection_id": row, "tier": tier, "hidden": hidden}
            connection.execute(insert(UNIT).values(unit))
            rights.changed(connection)
            return row

        return await self.archive.database.write(write)

    async def grant(self, person: int, collection: int, role: str) -> None:
        """A role for somebody."""

        def write(connection: Any) -> None:
            told = {"reason": "a test", "granted_by": "owner", "starts_at": now() - DAY, "role": role}
            whom = {"to": "person", "person_id": person, "collection_id": collection}
            connection.execute(insert(GRANT).values(told | whom))
            rights.changed(connection)

        await self.archive.database.write(write)

    async def store(self, slug: str, study: str = "1.2.3") -> None:
        """An instance of this study into the collection."""
        head = {**OWNER, "Content-Type": "application/dicom"}
        path = f"/collections/{slug}/dicom-web/studies"
        data = part10(ct(study, f"{study}.4", f"{study}.4.5"))
        answer = await self.browser.post(path, content=data, headers=head)
        assert answer.status_code == 200, answer.text


@asynccontextmanager
async def house(settings: Settings, **more: Any) -> AsyncIterator[House]:
    """One with these settings, and an owner."""
    chosen = {**settings.model_dump(exclude_unset=True), "owner_token": OWNERS, **more}
    app = create_app(Settings(**chosen))
    async with app.router.lifespan_context(app):
        opened = House(app, app.state.archive, None)  # type: ignore[arg-type]
        async with opened.another_browser() as browser:
            opened.browser = browser
            yield opened
