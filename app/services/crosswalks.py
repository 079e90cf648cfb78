"""What the door's crosswalk holds, for whoever has the server's disk and the key: never over HTTP."""

from pathlib import Path
from typing import cast

from sqlalchemy import Connection, select

from app.crosswalk import Seal, write_table
from app.database import Database
from app.errors import NotFound
from app.keyring import Keyring
from app.registry import audit, deidentification
from app.registry.deidentification import PATIENT, UID
from app.registry.tables import COLLECTION
from app.threads import in_thread

_WHO = "command line"


async def export(database: Database, keyring: Keyring, slug: str, folder: Path) -> dict[str, int]:
    """Write `patient.csv` and `uid.csv`, each `id_old,id_new`; how many rows each has.

    Raises NotFound, KeyUnavailable, Misconfigured where the key is another one, OSError.
    """
    collection = await database.lookup(lambda connection: _collection(connection, slug))
    seal = Seal(keyring.get(slug))
    written = {}
    for kind in (PATIENT, UID):
        sealed = await database.scan(
            lambda connection, of=kind: deidentification.all_of(connection, collection, of)  # type: ignore[misc]
        )
        pairs = [cast(tuple[str, str], seal.open(each, kind)) for each in sealed]
        await in_thread(write_table, folder / f"{kind}.csv", pairs)
        written[kind] = len(pairs)
    await database.write(lambda connection: _note(connection, "export", collection))
    return written


async def forget(database: Database, slug: str) -> int:
    """Delete all that is sealed for a collection: nobody can tell any more who was who. Raises NotFound."""

    def write(connection: Connection) -> int:
        collection = _collection(connection, slug)
        _note(connection, "forget", collection)
        return deidentification.forget(connection, collection)

    return await database.write(write)


def _collection(connection: Connection, slug: str) -> int:
    row = connection.scalar(select(COLLECTION.c.id).where(COLLECTION.c.slug == slug))
    if row is None:
        raise NotFound(f"There is no collection {slug}.")
    return int(row)


def _note(connection: Connection, what: str, collection: int) -> None:
    audit.enter(connection, _WHO, f"crosswalk.{what}", collection=collection)
