"""`readingroom restore`: an archive out of a backup, into an empty place, every byte of it verified.

Objects come first and the database last, and a mark says that it is not done: until that is gone no server
begins there. One that was broken off is run again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from sqlalchemy import Connection, func, inspect, select, table

from app.database import Database, migrate, snapshots, unfinished
from app.database.facts import database_file
from app.database.key_list import BATCH, KeyList
from app.errors import KeyUnavailable, Misconfigured
from app.index.tables import COLLECTION
from app.keyring import Keyring
from app.registry import audit, deidentification
from app.registry.tables import AUDIT_ENTRY, IDENTITY
from app.services import backup_folders
from app.services.backup_folders import Manifest, Need
from app.services.door import key_check
from app.services.object_copies import Copied, copy
from app.services.object_lists import WHO, Told
from app.settings import PREFIX, Settings
from app.storage.local import LocalStore
from app.storage.object_store import ObjectStore
from app.storage.open import open_store
from app.threads import in_thread


@dataclass(frozen=True, slots=True)
class Restored:
    """What was restored; of what it `needs`, what is not here yet; how many objects there are not."""

    manifest: Manifest
    needs: tuple[Need, ...]
    missing: int


async def restore(settings: Settings, folder: Path, told: Told, *, damaged: bool = False) -> Restored:
    """Make the archive of a backup where these settings say. `damaged`: also where objects of it are lost.

    Raises Misconfigured where the place is not empty or the backup not whole, StoreUnavailable,
    DatabaseUnavailable.
    """
    url = settings.database_url
    with database_file():
        manifest = await in_thread(_verified, folder, snapshots.kind(url))
    empty = await snapshots.is_empty(url)
    # One that was broken off behind its database goes on there.
    if not empty and not await unfinished.is_marked(url):
        raise Misconfigured("There is a database already: restore into an empty place.")
    store = open_store(settings.store_url, settings.data / "temp")
    try:
        with KeyList(folder / manifest.listed) as wanted:
            await _require_empty(store, wanted)
            await unfinished.mark(url)
            lost = await _objects(LocalStore(folder), store, wanted, told)
    finally:
        await store.close()
    if lost > manifest.missing and not damaged:
        raise Misconfigured(
            f"{lost - manifest.missing} objects of the backup are lost or damaged: restore from another one, "
            "or give --damaged to have what is left."
        )
    told("Restoring the database", 0, None)
    if empty:
        await snapshots.put_back(url, folder / manifest.database)
    restored = Restored(manifest, await _opened(settings, manifest, again=not empty), lost)
    await unfinished.unmark(url)
    return restored


def _verified(folder: Path, kind: str) -> Manifest:
    manifest = backup_folders.Manifest.read(folder)
    if manifest is None or not manifest.database:
        raise Misconfigured(f"{folder} holds no finished backup.")
    if manifest.kind != kind:
        raise Misconfigured(f"This is the backup of a {manifest.kind} database: restore it into such a one.")
    for name, said in (
        (manifest.database, manifest.database_sha256),
        (manifest.listed, manifest.listed_sha256),
    ):
        if backup_folders.digest(folder / name) != said:
            raise Misconfigured(f"{folder / name} is damaged: restore from another backup.")
    return manifest


async def _require_empty(store: ObjectStore, wanted: KeyList) -> None:
    """What a restore that was broken off left there is fine, and nothing else."""
    batch: list[str] = []
    async for key, _ in store.list():
        batch.append(key)
        if len(batch) == BATCH:
            await _require_wanted(wanted, batch)
            batch = []
    await _require_wanted(wanted, batch)


async def _require_wanted(wanted: KeyList, batch: Sequence[str]) -> None:
    if len(await in_thread(wanted.find, batch)) < len(batch):
        raise Misconfigured("The store holds other objects: restore into an empty place.")


async def _objects(source: ObjectStore, target: ObjectStore, wanted: KeyList, told: Told) -> int:
    """Copy all objects; how many are not there, or not what they should be."""
    lost = 0
    async for became in copy(source, target, wanted, told, "Restoring objects"):
        lost += became is Copied.DAMAGED
    return lost


async def _opened(settings: Settings, manifest: Manifest, *, again: bool) -> tuple[Need, ...]:
    """Make sure of what the database holds, and bring it to this version; what it needs that is not here."""
    url = settings.database_url
    if differing := await _differing(url, manifest, again=again):
        raise Misconfigured(f"The restored tables {', '.join(differing)} have not the rows of the backup.")
    await migrate(url, restoring=True)
    database = await Database.open(url)
    try:
        await database.write(lambda connection: audit.enter(connection, WHO, "restore", backup=manifest.at))
        return tuple([each for each in manifest.needs if not await _is_met(settings, database, each)])
    finally:
        await database.close()


async def _differing(url: str, manifest: Manifest, *, again: bool) -> list[str]:
    """The tables that have not as many rows as the backup's, or are another archive's.

    Run `again`, the audit may have entries of restores that were broken off behind them.
    """
    expected = manifest.rows or {}

    def differs(connection: Connection, name: str) -> bool:
        more = _count(connection, name) - expected[name]
        return more < 0 or (more > 0 and not (again and name == AUDIT_ENTRY.name))

    def look(connection: Connection) -> list[str]:
        there = set(inspect(connection).get_table_names())
        wrong = [each for each in expected if each not in there or differs(connection, each)]
        own = wrong or connection.scalar(select(IDENTITY.c.name)) == manifest.archive
        return wrong if own else [str(IDENTITY.name)]

    return await snapshots.read(url, look)


def _count(connection: Connection, name: str) -> int:
    return int(connection.scalar(select(func.count()).select_from(table(name))) or 0)


async def _is_met(settings: Settings, database: Database, need: Need) -> bool:
    if not need.name.endswith(".key"):
        return bool(getattr(settings, need.name.removeprefix(PREFIX).lower(), None))
    slug = need.name.removesuffix(".key")
    try:
        key = await in_thread(Keyring(settings.keys or settings.data / "keys").get, slug)
    except KeyUnavailable:
        return False
    return await database.lookup(partial(_is_its_key, slug=slug, key=key))


def _is_its_key(connection: Connection, slug: str, key: bytes) -> bool:
    row = connection.scalar(select(COLLECTION.c.id).where(COLLECTION.c.slug == slug))
    chosen = deidentification.of(connection, int(row or 0))
    return chosen is not None and chosen.key_check == key_check(key)
