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
from tests.index.entries import clear, element, entry, inbox, upsert


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


async def test_other_series_are_asked_for_nothing_but_what_the_first_has_not(database: Any) -> None:
    own = {"x00190010": element("LO", "A"), "x00190011": element("LO", "B")}
    told = {
        "1": [{**own, "x00191003": element("LO", "1"), "x00191103": element("LO", "2")}, {}],
        "2": [{**own, "x00191003": element("LO", "3")}, {**own, "x00191103": element("LO", "4")}],
    }

    def store(connection: Any) -> None:
        clear(connection)
        for study, series in told.items():
            made = [entry(study, f"{study}.{n}", f"{study}.{n}.1", **of) for n, of in enumerate(series)]
            upsert(connection, inbox(connection), made)

    await database.write(store)
    asked = b"includefield=00190003%5BA%5D,00190003%5BB%5D"
    query = qido.parse(Level.STUDY, Resource(), qido.read(asked))
    with patch.object(beyond, "decode_some", wraps=beyond.decode_some) as decoded:
        page = await database.scan(lambda connection: search(connection, query, ARCHIVE, OWNER))
        found = {each["0020000D"]["Value"][0]: each for each in qido.render(query, page, "http://archive")}
    assert decoded.call_count == 3
    values = {uid: [study[key]["Value"] for key in ("00191003", "00191103")] for uid, study in found.items()}
    assert values == {"1": [["1"], ["2"]], "2": [["3"], ["4"]]}
