"""Searches read to their end, page behind page, on both databases."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection, update

from app.database import Database
from app.dicom.resource import Resource
from app.index import onward, tables
from app.index.scope import ARCHIVE, Scope
from app.index.search import page, search
from app.query import qido
from app.query.answer import StudyCounts
from app.query.ast import Query
from app.viewer import OWNER, Viewer
from tests.index import archives, oracle
from tests.index.oracle import INSTANCE, SERIES, STUDY, Asked, SeriesRow
from tests.index.test_search import LEVELS, PAGES, _addresses, _raw, _who, questions

URL = "http://archive/dicom-web"


def _query(asked: Asked, size: int, offset: int = 0) -> Query:
    raw = qido.read(_raw(asked, 0, offset=offset))
    return replace(qido.parse(LEVELS[asked.level], Resource(*asked.address), raw), limit=size, most=10**6)


class Reader:
    """Reads a search page by page."""

    def __init__(self, database: Database, query: Query, scope: Scope, viewer: Viewer) -> None:
        self.database, self.query, self.seen = database, query, (scope, viewer)
        self.place: onward.Place | None = None
        self.known: dict[str, Any] = {}
        self.ended = False

    async def page(self) -> list[Any]:
        """The results of the next page."""

        def work(connection: Connection) -> onward.Onward:
            return onward.read(connection, self.query, *self.seen, self.place, self.known)

        found = await self.database.scan(work)
        self.place, self.ended = found.place, found.place is None
        self.known.update(found.read.counts)
        return qido.render(self.query, page(self.query, found.read), URL)

    async def rest(self) -> list[Any]:
        """All that follows."""
        results: list[Any] = []
        while not self.ended:
            results += await self.page()
        return results


@PAGES
@given(archive=archives.archives(), asked=questions(), size=st.integers(1, 3), offset=st.integers(0, 2))
async def test_what_is_read_onward_is_what_one_page_has(
    database: Database, archive: list[SeriesRow], asked: Asked, size: int, offset: int
) -> None:
    await database.write(lambda connection: archives.put(connection, archive))
    query = _query(asked, 1000, offset)
    one = await database.scan(lambda connection: search(connection, query, *_who(asked)))
    reader = Reader(database, replace(query, limit=size), *_who(asked))
    results = await reader.rest()
    assert results == qido.render(query, one, URL)
    assert _addresses(results, asked.level) == oracle.answer(archive, asked)[offset:]


@PAGES
@given(archive=archives.archives(), asked=questions(), most=st.integers(0, 6))
async def test_what_follows_all_that_is_asked_for_is_counted(
    database: Database, archive: list[SeriesRow], asked: Asked, most: int
) -> None:
    await database.write(lambda connection: archives.put(connection, archive))
    query = replace(_query(asked, 1), most=most)
    found = await database.scan(lambda connection: onward.remaining(connection, query, *_who(asked)))
    assert found == max(0, len(oracle.answer(archive, asked)) - most)


def _many(count: int) -> list[SeriesRow]:
    return [_one(f"1.{number}") for number in range(1, count + 1)]


def _one(study: str) -> SeriesRow:
    own = {"SeriesInstanceUID": f"{study}.1", "Modality": "CT"}
    instance = {"SOPInstanceUID": f"{study}.1.1", "SOPClassUID": "1.2"}
    return SeriesRow(1, 1, True, {"StudyInstanceUID": study, "StudyDate": "20200101"}, own, (instance,))


@pytest.mark.parametrize("level", [STUDY, SERIES, INSTANCE])
async def test_rows_that_come_and_go_neither_repeat_nor_break_it(database: Database, level: str) -> None:
    await database.write(lambda connection: archives.put(connection, _many(6)))
    reader = Reader(database, _query(Asked(level, (None, None)), 2), ARCHIVE, OWNER)
    first = await reader.page()
    await database.write(_come_and_go)
    found = [address[0] for address in _addresses(first + await reader.rest(), level)]
    # 1.2 was read, and is now behind itself under another key; 1.4 has gone; 1.1.5 came before the place.
    assert found == ["1.1", "1.2", "1.3", "1.5", "1.6"]


def _come_and_go(connection: Connection) -> None:
    _gone(connection, "1.4")
    _gone(connection, "1.2")
    archives.add(connection, [*_many(2)[1:], _one("1.1.5")])


def _gone(connection: Connection, study: str) -> None:
    for table in (tables.SERIES, tables.STUDY):
        connection.execute(update(table).where(table.c.study_instance_uid == study).values(removed_version=2))


async def test_no_page_counts_off_the_rows_before_it(
    database: Database, statements: Callable[[], AbstractContextManager[list[str]]]
) -> None:
    await database.write(lambda connection: archives.put(connection, _many(6)))
    reader = Reader(database, _query(Asked(SERIES, (None, None)), 2, offset=1), ARCHIVE, OWNER)
    await reader.page()
    with statements() as sent:
        assert len(await reader.page()) == 2
    assert ".series_instance_uid >=" in sent[0]


async def test_studies_are_counted_once_as_long_as_the_same_is_seen(
    database: Database, statements: Callable[[], AbstractContextManager[list[str]]]
) -> None:
    rows = [_one("1.1"), replace(_one("1.1"), series={"SeriesInstanceUID": "1.1.2"}, instances=())]
    await database.write(lambda connection: archives.put(connection, rows))
    reader = Reader(database, _query(Asked(SERIES, (None, None)), 1), ARCHIVE, OWNER)
    first = await reader.page()
    with statements() as sent:
        second = await reader.page()
    assert [result["00201206"]["Value"] for result in first + second] == [[2], [2]]
    assert len(sent) == 1


def test_what_was_counted_is_forgotten_for_who_sees_something_else() -> None:
    counted = onward.Counted((ARCHIVE, OWNER), {"1.1": StudyCounts((), 1, 1)})
    assert counted.of((ARCHIVE, OWNER))
    assert not counted.of((Scope(1), OWNER))
