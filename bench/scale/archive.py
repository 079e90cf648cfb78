"""The archive that the sample goes into: its collections, and who may see what of them."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import duckdb
from sqlalchemy import Connection

from app.access import secrets
from app.index.writer import Place
from app.models.types import now
from app.registry import collections, grants, people, rights, sites, tokens
from app.registry.record import Record
from app.viewer import Capability

#: Two people, beside the owner: one was granted nothing, one reads every other restricted collection.
PEOPLE = ("visitor", "member")
OWNER = "owner"
_OPEN = {"tier": "open", "embargo_until": None, "hidden": False}
_CLOSED = {"tier": "private", "embargo_until": None, "hidden": True}


@dataclass(frozen=True, slots=True)
class Archive:
    """Where each collection's series go, the token of each person, and which collections the member reads."""

    places: dict[str, Place]
    tokens: dict[str, str]
    granted: tuple[str, ...]


def made(connection: Connection, duck: duckdb.DuckDBPyConnection) -> Archive:
    """Make it, within the caller's transaction."""
    found = duck.execute("SELECT DISTINCT collection_id, restricted FROM source ORDER BY 1").fetchall()
    places = {slug: _collection(connection, slug, closed) for slug, closed in found}
    persons = {name: people.add(connection, "scale", name) for name in PEOPLE}
    granted = tuple(slug for slug, closed in found if closed)[::2]
    for slug in granted:
        grants.create(connection, _grant(persons["member"], places[slug].collection))
    rights.changed(connection)
    return Archive(places, {name: _token(connection, row) for name, row in persons.items()}, granted)


def _collection(connection: Connection, slug: str, closed: bool) -> Place:
    values: dict[str, Any] = {"title": slug, "rolling": True, "latest_version": 0}
    values |= {"kind": "collection", "licence": "", "doi": ""}
    row = collections.create(connection, slug, {**values, "created_at": now(), "changed_at": now()}, Record())
    return Place(row, sites.create_unit(connection, row, None, _CLOSED if closed else _OPEN))


def _grant(person: int, collection: int) -> dict[str, Any]:
    to = {"to": "person", "person_id": person, "role": "reader", "collection_id": collection}
    return {**to, "starts_at": now() - timedelta(days=1), "reason": "", "granted_by": OWNER}


def _token(connection: Connection, person: int) -> str:
    secret = secrets.make(secrets.PERSONAL)
    kept = secret[: secrets.SHOWN], secrets.digest(secret)
    tokens.make(connection, person, "scale", kept, list(Capability), (), now() + timedelta(days=30))
    return secret
