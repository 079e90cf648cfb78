"""`readingroom backup`: the database as it is at one moment, then every object that it names.

While it is made nothing is taken out of the store. It may be made again and again into one folder: objects
never change, so that only new ones are copied, and those that the database names no more leave it.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, func, select

from app.archive import Archive
from app.database import snapshots
from app.database.facts import database_file
from app.database.key_list import KeyList, Listed
from app.database.snapshots import Reader
from app.index import named
from app.models import Identity
from app.models.types import now
from app.registry import audit
from app.registry.tables import COLLECTION, DEIDENTIFICATION, IDENTITY, WEBHOOK
from app.services import backup_folders, purges
from app.services.backup_folders import Manifest, Need
from app.services.object_copies import Copied, copy
from app.services.object_lists import WHO, Told
from app.services.turns_at_objects import BACKUP, turn
from app.settings import PREFIX, Settings
from app.storage.local import LocalStore
from app.storage.object_store import ObjectStore
from app.threads import in_thread

#: Whose rows are left out: secrets that cannot be kept as a digest, and what a copy of an archive has not.
WITHOUT = ("webhook", "lease", "unreferenced")
_SECRETS = {
    "log_key": "logs written from now on name UIDs by the same hashes as earlier ones",
    "owner_token": "what the owner made goes on to be theirs",
    "oidc_client_secret": "people sign in with the OpenID provider",
    "datacite_password": "DOIs are registered",
}


@dataclass(frozen=True, slots=True)
class BackedUp:
    """What a backup holds, and what had to be done for it."""

    manifest: Manifest
    copied: int = 0
    removed: int = 0


async def backup(
    archive: Archive, folder: Path, told: Told, waiting: Callable[[str], None], *, deep: bool = False
) -> BackedUp:
    """Make a backup in a folder, new or over an earlier one of the same archive; `deep` reads that too.

    Raises Misconfigured, StoreUnavailable, DatabaseUnavailable, Conflict; what the folder held then counts
    as before.
    """
    made = await turn(
        archive.database, BACKUP, lambda: _backup(archive, folder.absolute(), told, deep), waiting
    )
    await purges.finish(archive)
    counts = {"objects": made.manifest.objects, "missing": made.manifest.missing}
    await archive.database.write(lambda connection: audit.enter(connection, WHO, "backup", **counts))
    return made


async def _backup(archive: Archive, folder: Path, told: Told, deep: bool) -> BackedUp:
    url = archive.settings.database_url
    name = await archive.database.lookup(lambda connection: connection.scalar(select(IDENTITY.c.name)))
    with database_file():
        found = await in_thread(backup_folders.prepare, folder, str(name), snapshots.kind(url))
    made, target = replace(found, **_names(found.kind)), LocalStore(folder)
    with KeyList(folder / made.listed) as wanted:
        await in_thread((folder / made.database).touch, 0o600)
        making = snapshots.snapshot(
            url, folder / made.database, WITHOUT, partial(told, "Copying the database")
        )
        async with making as reader:
            made = await _read(reader, made, wanted, archive.settings, told)
        became: Counter[Copied] = Counter()
        async for outcome in copy(archive.store, target, wanted, told, "Copying objects", deep=deep):
            became[outcome] += 1
        webhooks = await archive.database.scan(_webhooks)
        made = replace(made, missing=became[Copied.DAMAGED], webhooks=webhooks)
        made = await in_thread(_finish, folder, made, wanted)
        return BackedUp(made, became[Copied.COPIED], await _prune(target, wanted))


def _names(kind: str) -> dict[str, Any]:
    at = now()
    stamp = f"{at:%Y%m%dT%H%M%S%f}"
    end = "sqlite" if kind == "sqlite" else "dump"
    names = {"database": f"database-{stamp}.{end}", "listed": f"objects-{stamp}.sqlite"}
    return {**names, "at": at.isoformat(), "version": version("readingroom")}


async def _read(reader: Reader, made: Manifest, wanted: KeyList, settings: Settings, told: Told) -> Manifest:
    """List the objects that the copied database names; what else is to be known of it."""
    last, after = await reader(named.last), 0
    while page := await reader(partial(named.page, after=after)):
        after = page[-1].row
        await in_thread(wanted.add, [Listed(each.object_key, each.size, each.sha256) for each in page])
        told("Listing objects", after, last)
    objects, size = await in_thread(wanted.total)
    rows, needs = await reader(lambda connection: (_rows(connection), _keys(connection)))
    needs += [Need(PREFIX + name.upper(), why) for name, why in _SECRETS.items() if getattr(settings, name)]
    return replace(made, objects=objects, bytes=size, rows=rows, needs=tuple(needs))


def _rows(connection: Connection) -> dict[str, int]:
    tables = (each for each in Identity.metadata.sorted_tables if each.name not in WITHOUT)
    counted = {str(each.name): connection.scalar(select(func.count()).select_from(each)) for each in tables}
    return {name: int(count or 0) for name, count in counted.items()}


def _keys(connection: Connection) -> list[Need]:
    of = select(COLLECTION.c.slug).join(DEIDENTIFICATION, DEIDENTIFICATION.c.collection_id == COLLECTION.c.id)
    why = "the collection goes on to be de-identified as before, and its crosswalk can be read"
    return [Need(f"{slug}.key", why) for slug in connection.scalars(of.order_by(COLLECTION.c.slug))]


def _webhooks(connection: Connection) -> int:
    return int(connection.scalar(select(func.count()).select_from(WEBHOOK)) or 0)


def _finish(folder: Path, made: Manifest, wanted: KeyList) -> Manifest:
    """From here on the new copy counts, and no other."""
    with database_file():
        wanted.settle()
        digests: dict[str, Any] = {
            "database_sha256": backup_folders.digest(folder / made.database),
            "listed_sha256": backup_folders.digest(folder / made.listed),
        }
        made = replace(made, **digests)
        made.write(folder)
        backup_folders.tidy(folder, made)
    return made


async def _prune(target: ObjectStore, wanted: KeyList) -> int:
    """Remove what the copied database names no more: what was purged is not to be restored."""
    removed, batch = 0, list[str]()
    async for key, _ in target.list():
        batch.append(key)
        if len(batch) == 500:
            removed, batch = removed + await _remove(target, wanted, batch), []
    return removed + await _remove(target, wanted, batch)


async def _remove(target: ObjectStore, wanted: KeyList, batch: list[str]) -> int:
    known = await in_thread(wanted.find, batch)
    gone = [key for key in batch if key not in known]
    for key in gone:
        await target.delete(key)
    return len(gone)
