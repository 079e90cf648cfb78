"""What of real instances goes into the tag index, and that every value of theirs finds them."""

import tracemalloc
from collections import defaultdict
from functools import reduce
from urllib.parse import quote

from app.dicom.attributes import find
from app.dicom.resource import Resource
from app.errors import InvalidQuery
from app.index import tag_values
from app.index.scope import ARCHIVE
from app.index.search import search
from app.index.writer import Outcome
from app.query import qido
from app.query.ast import Level
from app.query.searchable import LONGEST
from app.viewer import OWNER
from tests.index.entries import inbox, upsert
from tests.index.test_corpus import corpus

#: Every so many values of the corpus are asked for.
STEP = 15


async def test_values_of_real_instances_find_them(database):
    entries = [entry for _, entry in corpus()]
    outcomes = await database.write(lambda connection: upsert(connection, inbox(connection), entries))
    asked = 0
    every = [
        (entry, value.path, value.form)
        for entry, outcome in zip(entries, outcomes, strict=True)
        if outcome is Outcome.STORED
        for value in sorted(entry.tags.values(), key=lambda value: (value.path, value.digest))
        if value.form
    ]
    for entry, (path, vr), form in every[::STEP]:
        text = form.text.partition("=")[0] if vr == "PN" else form.text
        if len(text) > LONGEST or not text.strip("*?^") or "\\" in text:
            continue
        raw = f"{quote(path, safe='')}={quote(text, safe='')}&limit=1000".encode()
        try:
            query = qido.parse(Level.STUDY, Resource(), qido.read(raw))
        except InvalidQuery:
            continue  # no value that its VR allows
        page = await database.scan(lambda connection, query=query: search(connection, query, ARCHIVE, OWNER))
        assert entry.study in {row.resource.study for row in page.rows}, (path, form)
        asked += 1
    assert asked > 300


def test_one_path_is_read_as_all_are():
    """What verification reads of a path is what the writer put in for it."""
    for described, entry in corpus():
        by_path = defaultdict(set)
        for value in tag_values.merge([entry.tags]).values():
            by_path[value.path].add(value.form)
        for path, forms in by_path.items():
            attribute = find(path[0])
            assert attribute
            assert attribute.key == path[0]
            *above, last = attribute.steps
            own = [
                held
                for data_set in reduce(_items, above, [described.attributes])
                for vr, held in tag_values.values_at(data_set, last)
                if vr == path[1]
            ]
            read = frozenset().union(*own)
            assert len(read) > tag_values.MOST if None in forms else read == forms


def _items(data_sets, step):
    return [item for data_set in data_sets for item in tag_values.items_at(data_set, step)]


def test_long_creators_are_not_remembered() -> None:
    tracemalloc.start()
    try:
        for number in range(200):
            creator = f"{number}" + "x" * (1 << 17)
            tag_values.tags(
                {"00090010": {"vr": "LO", "Value": [creator]}, "00091001": {"vr": "LO", "Value": ["a"]}}
            )
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < 4 << 20
