"""Other callers than the owner, over HTTP: whoever sends `Bearer person-7` is that person."""

from collections.abc import Mapping
from datetime import UTC, datetime

import pytest
from sqlalchemy import Connection, insert

from app.access.callers import OWNER, STRANGER, Caller
from app.access.secrets import Credentials
from app.archive import Archive
from app.registry import rights
from app.registry.tables import GRANT, PERSON
from app.settings import Settings

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
ANYONE: Mapping[str, str] = {"authorization": "Bearer anyone"}


def person(number: int) -> dict[str, str]:
    """The headers of somebody who has signed in."""
    return {"authorization": f"Bearer person-{number}"}


async def _identify(_archive: Archive, brought: Credentials) -> Caller:
    if brought.token is None:
        return OWNER
    if brought.token == "anyone":
        return STRANGER
    return Caller(brought.token, person=int(brought.token.removeprefix("person-")), signed_in=True)


def recognise(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make every request without a token the owner's, and others those of whom they name."""
    monkeypatch.setattr(Settings, "local_mode", property(lambda _: False))
    monkeypatch.setattr("app.routers.dependencies.identify", _identify)


def enrol(connection: Connection, count: int) -> None:
    """Make the persons 1 to `count`."""
    rows = [
        {
            "id": each,
            "issuer": "",
            "subject": f"p{each}",
            "name": "",
            "email": "",
            "password": "",
            "admin": False,
            "auditor": False,
            "disabled": False,
            "created_at": LONG_AGO,
        }
        for each in range(1, count + 1)
    ]
    connection.execute(insert(PERSON), rows)


def grant(connection: Connection, to: int, role: str, collection: int, site: int | None = None) -> None:
    """Give a person a role."""
    row = {"to": "person", "person_id": to, "role": role, "collection_id": collection, "site_id": site}
    more = {"starts_at": LONG_AGO, "reason": "", "granted_by": "owner"}
    connection.execute(insert(GRANT).values(**row, **more))
    rights.changed(connection)
