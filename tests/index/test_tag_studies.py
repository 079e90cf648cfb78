"""Studies that carry several values are found alike, whether they are listed or looked for one by one."""

from collections.abc import Iterator
from unittest.mock import patch

import pytest
from sqlalchemy import Connection

from app.database import Database
from app.dicom.resource import Resource
from app.index import asked as forms
from app.index import search as module
from app.index import tag_studies
from app.index.scope import ARCHIVE, Scope
from app.index.writer import Place, upsert
from app.query import qido
from app.query.ast import Level
from app.viewer import OWNER, Viewer
from tests.index.entries import collect, element, entry

STUDIES, REMAINING = 31, 3
HELD = {f"1.{number}": (number % 2, number % 3, number % 4 == 0) for number in range(1, STUDIES + 1)}


def _put(connection: Connection) -> tuple[int, list[int]]:
    """Each study with a series for each value; every fourth study in another unit."""
    collection, units = collect(connection, "a", units=2)
    for study, (one, other, apart) in HELD.items():
        told = ("x00180060", element("DS", one)), ("x00181140", element("CS", f"V{other}"))
        made = [
            entry(study, f"{study}.{n}", f"{study}.{n}.1", **{key: value}, x00080020=_date(study))
            for n, (key, value) in enumerate(told)
        ]
        upsert(connection, Place(collection, units[apart]), made)
    return collection, units


def _date(study: str) -> dict[str, object]:
    return element("DA", f"200001{study[2:]:0>2}")


def _expected(one: int, other: int, apart: bool) -> list[str]:
    held = [uid for uid, told in HELD.items() if told[:2] == (one, other) and (apart or not told[2])]
    return sorted(held, key=lambda uid: -int(uid[2:]))


@pytest.fixture(params=["listed", "looked for", "listed, far down", "looked for, far down"])
def way(request: pytest.FixtureRequest) -> Iterator[str]:
    """How studies are found; where they are looked for, so few of the rest are counted."""
    few = 0 if "looked for" in request.param else tag_studies.FEW
    deep = patch.object(forms, "DEEP", 1 if "far down" in request.param else forms.DEEP)
    some = patch.multiple(tag_studies, SOME=1, APART=2)
    listing = patch("app.index.tag_studies.worth_listing", lambda *_: few)
    with listing, some, deep, patch.object(module, "MOST_REMAINING", REMAINING):
        yield request.param


@pytest.mark.parametrize("size", [1, 2])
async def test_pages_of_what_carries_two_values(database: Database, way: str, size: int) -> None:
    collection, units = await database.write(_put)
    viewers = [(OWNER, True), (Viewer("one", units=frozenset(units[:1])), False)]
    for viewer, apart in viewers:
        for one, other in ((0, 0), (1, 2), (0, 1)):
            whole = _expected(one, other, apart)
            for scope in (ARCHIVE, Scope(collection)):
                for offset in range(len(whole) + 1):
                    asked = f"KVP={one}&RotationDirection=V{other}&limit={size}&offset={offset}"
                    query = qido.parse(Level.STUDY, Resource(), qido.read(asked.encode()))
                    page = await database.scan(
                        lambda c, query=query, scope=scope: module.search(c, query, scope, viewer)  # noqa: B023
                    )
                    found = [each.resource.study for each in page.rows]
                    assert found == whole[offset : offset + size]
                    assert page.remaining == min(REMAINING, max(0, len(whole) - offset - size))
