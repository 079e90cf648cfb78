import zipfile
from datetime import UTC, datetime
from io import BytesIO
from zlib import crc32

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.wire.zip_out import Entry, closing, content_length, local_header

MADE = datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC)


def written(contents: dict[str, bytes], made: datetime = MADE) -> bytes:
    entries = [Entry(name, len(data), crc32(data), made) for name, data in contents.items()]
    pieces = (local_header(entry) + contents[entry.name] for entry in entries)
    whole = b"".join(pieces) + closing(entries)
    assert len(whole) == content_length(entries)
    return whole


@given(
    st.dictionaries(st.from_regex(r"[a-zé0-9./]{1,40}", fullmatch=True), st.binary(max_size=99), min_size=1)
)
def test_what_is_written_reads_back(contents: dict[str, bytes]) -> None:
    file = zipfile.ZipFile(BytesIO(written(contents)))
    assert file.testzip() is None
    assert {info.filename: file.read(info) for info in file.infolist()} == contents
    assert {info.date_time for info in file.infolist()} == {(2026, 2, 3, 4, 5, 6)}


def test_before_ms_dos() -> None:
    (info,) = zipfile.ZipFile(BytesIO(written({"a": b""}, datetime(1970, 1, 1)))).infolist()
    assert info.date_time == (1980, 1, 1, 0, 0, 0)


def test_more_entries_than_16_bits_count() -> None:
    file = zipfile.ZipFile(BytesIO(written({str(number): b"" for number in range(70_000)})))
    assert len(file.infolist()) == 70_000


class Sparse(BytesIO):
    """A file of which only some pieces are written; what is between them reads as nothing."""

    def __init__(self, pieces: dict[int, bytes], size: int) -> None:
        super().__init__()
        self._pieces, self._size, self._at = pieces, size, 0

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = 0) -> int:
        self._at = offset + (0, self._at, self._size)[whence]
        return self._at

    def read(self, size: int | None = -1) -> bytes:
        start = max(at for at in self._pieces if at <= self._at)
        data = self._pieces[start][self._at - start :]
        data = data if size is None or size < 0 else data[:size]
        self._at += len(data)
        return data


@pytest.mark.parametrize("size", [(1 << 32) - 1, 1 << 32, 5 << 30])
def test_entries_and_places_beyond_32_bits(size: int) -> None:
    entries = [Entry("large", size, 1, MADE), Entry("second", 2, 2, MADE), Entry("third", 2, 3, MADE)]
    second = len(local_header(entries[0])) + size
    third = second + len(local_header(entries[1])) + 2
    end = third + len(local_header(entries[2])) + 2
    pieces = {0: local_header(entries[0]), end: closing(entries)}
    pieces |= {second: local_header(entries[1]), third: local_header(entries[2])}
    file = zipfile.ZipFile(Sparse(pieces, content_length(entries)))
    assert [(info.file_size, info.header_offset) for info in file.infolist()] == [
        (size, 0),
        (2, second),
        (2, third),
    ]
    with file.open("third") as opened:
        assert opened.name == "third"
