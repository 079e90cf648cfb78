"""The chain stays right whatever the transactions around it do."""

import asyncio

import pytest
from sqlalchemy import select

from app.database import Database
from app.registry import audit
from app.registry.tables import AUDIT_ANCHOR, AUDIT_ENTRY


async def numbers(database: Database) -> list[int]:
    rows = select(AUDIT_ENTRY.c.number).order_by(AUDIT_ENTRY.c.id)
    return await database.lookup(lambda connection: list(connection.execute(rows).scalars()))


async def test_basic(database):
    await database.write(audit.begin)
    await database.write(lambda c: audit.enter(c, "a", "b", 1, x="y"))
    assert await numbers(database) == [1, 2]
    assert await database.write(audit.anchor) == 1
    assert await database.write(audit.anchor) == 0
