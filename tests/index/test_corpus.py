"""Every real study there is, into the index and out again, on both databases."""

import hashlib
import zlib
from functools import cache

import orjson

from app.dicom.describe import describe
from app.dicom.description import Description
from app.errors import InvalidInstance
from app.index.locate import instance
from app.index.scope import ARCHIVE
from app.index.writer import Entry, Outcome
from app.viewer import OWNER
from tests.corpus import readable
from tests.index.entries import inbox, upsert

PARTS = ("dicom_json", "bulkdata", "frame_index")


@cache
def corpus() -> list[tuple[Description, Entry]]:
    """Each instance once, as some files are in both packages; damaged ones never come as far as the index."""
    found = {}
    for path in readable():
        data = path.read_bytes()
        try:
            described = describe(data)
        except InvalidInstance:
            continue
        entry = Entry.of(described, path.name, len(data), hashlib.sha256(data).digest(), zlib.crc32(data))
        found.setdefault(entry.instance, (described, entry))
    return list(found.values())


async def test_into_the_index_and_out_again(database):
    """A series that two files place in different studies is refused the second time; all else is stored."""
    entries = [entry for _, entry in corpus()]
    assert len(entries) > 100
    outcomes = await database.write(lambda connection: upsert(connection, inbox(connection), entries))
    homes: dict[str, str] = {}
    for (described, entry), outcome in zip(corpus(), outcomes, strict=True):
        home = homes.setdefault(entry.series, entry.study)
        assert outcome is (Outcome.STORED if home == entry.study else Outcome.MISMATCH)
        address = described.resource
        found = await database.lookup(lambda c, a=address: instance(c, ARCHIVE, OWNER, a, *PARTS))
        assert (found is not None) == (outcome is Outcome.STORED)
        if found:
            assert orjson.loads(found.json) == orjson.loads(orjson.dumps(described.attributes))
            assert (found.bulkdata, found.frames) == (described.bulkdata, described.frames)
            assert (found.sha256, found.crc32) == (entry.sha256, entry.row["crc32"])
    again = await database.write(lambda connection: upsert(connection, inbox(connection), entries))
    assert set(again) <= {Outcome.IDENTICAL, Outcome.MISMATCH}
