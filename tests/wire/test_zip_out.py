import zipfile
from datetime import UTC, datetime
from io import BytesIO
from zlib import crc32

from hypothesis import given
from hypothesis import strategies as st

from app.wire.zip_out import Entry, Mark, central_header, ending, local_header

MADE = datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC)


def written(contents: dict[str, bytes], made: datetime = MADE) -> bytes:
    """A whole file; wherever a mark says that it stands, it does."""
    whole, directory, mark = b"", b"", Mark()
    for name, data in contents.items():
        entry = Entry(name, len(data), crc32(data), made)
        directory += central_header(entry, len(whole))
        whole += local_header(entry) + data
        mark = mark.after(entry)
        assert (mark.offset, mark.directory) == (len(whole), len(directory))
    whole += directory + ending(mark)
    assert len(whole) == mark.size
    return whole


@given(
    st.dictionaries(st.from_regex(r"[a-zé0-9./]{1,40}", fullmatch=True), st.binary(max_size=99), max_size=9)
)
def test_what_is_written_reads_back(contents: dict[str, bytes]) -> None:
    file = zipfile.ZipFile(BytesIO(written(contents)))
    assert file.testzip() is None
    assert {info.filename: file.read(info) for info in file.infolist()} == contents
    assert {info.date_time for info in file.infolist()} <= {(2026, 2, 3, 4, 5, 6)}


def test_before_ms_dos() -> None:
    (info,) = zipfile.ZipFile(BytesIO(written({"a": b""}, datetime(1970, 1, 1)))).infolist()
    assert info.date_time == (1980, 1, 1, 0, 0, 0)


@given(
    st.integers(0, 1 << 40), st.integers(0, 1 << 40), st.integers(0, 1 << 20), st.text(min_size=1, max_size=9)
)
def test_a_mark_says_how_long_headers_are(offset: int, size: int, entries: int, name: str) -> None:
    """Also where a size or a place is beyond 32 bits."""
    for around in (offset, (1 << 32) - 1, 1 << 32):
        for large in (size, (1 << 32) - 1, (1 << 32) - 2):
            entry, mark = Entry(name, large, 0, MADE), Mark(entries, around, 7)
            after = mark.after(entry)
            assert after.entries == entries + 1
            assert after.offset == around + len(local_header(entry)) + large
            assert after.directory == 7 + len(central_header(entry, around))
            assert after.size == after.offset + after.directory + len(ending(after))
