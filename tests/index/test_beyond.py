"""Attributes that rows do not keep, from the first stored instances, on both databases."""

from typing import Any
from unittest.mock import patch

import pytest

from app.dicom.resource import Resource
from app.errors import InvalidQuery
from app.index import beyond
from app.index.scope import ARCHIVE
from app.index.search import search
from app.query import qido
from app.query.ast import Level
from app.viewer import OWNER
from tests.index.entries import clear, entry, inbox, upsert


async def test_instances_are_read_in_batches_and_not_too_many(database: Any) -> None:
    def store(connection: Any) -> None:
        clear(connection)
        of = [{"x00180060": {"vr": "DS", "Value": [n]}} if n > 3 else {} for n in range(6)]
        upsert(connection, inbox(connection), [entry("1", f"1.{n}", f"1.{n}.1", **of[n]) for n in range(6)])

    await database.write(store)
    query = qido.parse(Level.STUDY, Resource(), qido.read(b"includefield=KVP"))
    with patch.object(beyond, "_BATCH", 2):
        page = await database.scan(lambda connection: search(connection, query, ARCHIVE, OWNER))
        (study,) = qido.render(query, page, "http://archive")
        assert study["00180060"]["Value"] == [4]
        with patch.object(beyond, "MOST", 5), pytest.raises(InvalidQuery, match="more than 5 series"):
            await database.scan(lambda connection: search(connection, query, ARCHIVE, OWNER))
