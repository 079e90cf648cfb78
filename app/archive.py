"""The house: the machines of one process, opened together and closed together."""

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from app.codecs import Codecs
from app.database import Database
from app.keyring import Keyring
from app.registry.rights import Rights
from app.registry.uses import Uses
from app.registry.views import Views
from app.settings import Settings
from app.storage.cache import Cache
from app.storage.object_store import ObjectStore
from app.storage.observed import ObservedStore
from app.storage.open import open_store
from app.storage.recent import Recent
from app.storage.sealed_spool import SealedSpools
from app.storage.spool import Spools
from app.turns import Turns
from app.turnstile import Turnstile
from app.wire.coding import Coded

if TYPE_CHECKING:
    from app.openid.provider import Provider

#: Instances taken apart at once, whoever sends them. A million elements, or what a deflated data set becomes,
#: take hundreds of megabytes for a moment; Python reads no faster in more threads.
EXAMINED_AT_ONCE = 2
#: Bytes of answers of many documents that a process keeps coded: the metadata of some hundred series.
RECENT = 32 << 20


@dataclass(frozen=True, slots=True)
class Archive:
    """Settings, database, rights, object store, arriving instances, codecs and cache of one running process.

    `sealed` are the spools of what is de-identified before anything of it may be kept, `keyring` its keys.

    `uses` notes which tokens are used, `turnstile` who tries too often; `provider` signs people in.

    `examining` are the turns in which arriving instances are taken apart, `planning` those in which answers
    of many instances are planned, a slice in each; `recent` holds answers that were made lately, `views` who
    asked for what.
    """

    settings: Settings
    database: Database
    rights: Rights
    store: ObjectStore
    spools: Spools
    sealed: SealedSpools
    keyring: Keyring
    codecs: Codecs
    examining: asyncio.Semaphore
    cache: Cache
    planning: Turns
    recent: Recent[Coded]
    uses: Uses
    turnstile: Turnstile
    provider: "Provider | None"
    views: Views

    @classmethod
    async def open(cls, settings: Settings) -> Self:
        """Open every machine. Raises Misconfigured, DatabaseUnavailable or StoreUnavailable."""
        store = ObservedStore(open_store(settings.store_url, settings.data / "temp"))
        database = await Database.open(settings.database_url)
        limits: dict[str, Any] = {
            "in_memory": settings.spool_memory,
            "in_memory_together": settings.spool_memory_total,
            "largest": settings.max_instance_bytes,
        }
        codecs = Codecs(settings.codec_processes, settings.codec_seconds, settings.codec_memory)
        cache = Cache(settings.data / "cache", settings.cache_bytes, settings.spare_bytes)
        examining, planning = asyncio.Semaphore(EXAMINED_AT_ONCE), Turns()
        return cls(
            settings,
            database,
            Rights(database),
            store,
            Spools(store.temp, **limits),
            SealedSpools(store.temp, **limits),
            Keyring(settings.keys or settings.data / "keys"),
            codecs,
            examining,
            cache,
            planning,
            Recent(RECENT),
            Uses(database),
            Turnstile(),
            _provider(settings) if settings.oidc_issuer else None,
            Views(),
        )

    async def close(self) -> None:
        """Give back connections and files, and end codec processes."""
        await self.codecs.close()
        if self.provider:
            await self.provider.close()
        await self.uses.close()
        await self.database.close()
        await self.store.close()
        self.cache.close()


def _provider(settings: Settings) -> "Provider":
    # Only here: see app.openid.journeys.
    from app.openid.provider import Provider

    return Provider(settings)
