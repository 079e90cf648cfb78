"""ZIP files that are nowhere: any range of one is that of the whole, and others' readers take them."""

import shutil
import subprocess
import zipfile
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from zlib import crc32

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.services.plan import Ready
from app.services.zipped import AtHand, Member, Zip, behind
from app.wire.zip_out import Entry, Mark
from tests.required import lacking

MADE = datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC)
PIECE = 1 << 20
#: More than 4 GiB of nothing, and its checksum.
LARGE, NOTHING = (4 << 30) + (16 << 20), 0x44AF3BA2


@dataclass(frozen=True)
class Zeros:
    """Nothing, as much of it as one likes, made as it is asked for."""

    size: int

    async def stream(self, start: int, stop: int, *, files: bool = False) -> AsyncGenerator[bytes]:
        for position in range(start, stop, PIECE):
            yield bytes(min(PIECE, stop - position))


def ready(name: str, data: bytes) -> Member:
    return Member(Entry(name, len(data), crc32(data), MADE), Ready(data))


def zeros(name: str, size: int, crc: int = 0) -> Member:
    return Member(Entry(name, size, crc, MADE), Zeros(size))


def file_of(*runs: Sequence[Member]) -> Zip:
    marks = [Mark()]
    for run in runs:
        marks.append(behind(marks[-1], (each.entry for each in run)))
    return Zip(tuple(map(AtHand, runs)), tuple(marks))


async def joined(file: Zip, start: int, stop: int) -> bytes:
    return b"".join([bytes(piece) async for piece in file.stream(start, stop)])  # type: ignore[arg-type]


def bytes_of(file: Zip, start: int = 0, stop: int | None = None) -> bytes:
    return anyio.run(joined, file, start, file.size if stop is None else stop)


MEMBERS = st.dictionaries(
    st.from_regex(r"[a-zé0-9/]{1,20}", fullmatch=True), st.binary(max_size=60), max_size=8
)


@given(MEMBERS, st.data())
@settings(deadline=None, max_examples=150)
def test_any_range_is_that_of_the_whole(contents: dict[str, bytes], data: st.DataObject) -> None:
    members = [ready(*each) for each in contents.items()]
    split = data.draw(st.integers(0, len(members)))
    file = file_of(members[:split], members[split:])
    whole = bytes_of(file)
    assert len(whole) == file.size
    read = zipfile.ZipFile(BytesIO(whole))
    assert read.testzip() is None
    assert {name: read.read(name) for name in read.namelist()} == contents
    start = data.draw(st.integers(0, len(whole)))
    stop = data.draw(st.integers(start, len(whole)))
    assert bytes_of(file, start, stop) == whole[start:stop]


async def test_every_range_of_a_small_one() -> None:
    file = file_of([ready("a/b", b"one"), ready("e", b"")], [ready("c", b"!")])
    whole = await joined(file, 0, file.size)
    for start in range(len(whole) + 1):
        for stop in range(start, len(whole) + 1):
            assert await joined(file, start, stop) == whole[start:stop]


class Lazy(BytesIO):
    """The file, made where it is read."""

    def __init__(self, file: Zip) -> None:
        super().__init__()
        self._file, self._at = file, 0

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = 0) -> int:
        self._at = offset + (0, self._at, self._file.size)[whence]
        return self._at

    def read(self, size: int | None = -1) -> bytes:
        stop = self._file.size if size is None or size < 0 else min(self._at + size, self._file.size)
        data = bytes_of(self._file, self._at, stop)
        self._at += len(data)
        return data


@pytest.mark.parametrize("size", [(1 << 32) - 2, (1 << 32) - 1, 1 << 32, LARGE])
def test_entries_and_places_beyond_32_bits(size: int) -> None:
    file = file_of(
        [ready("first", b"1")], [zeros("large", size)], [ready("second", b"22"), ready("third", b"3")]
    )
    read = zipfile.ZipFile(Lazy(file))
    assert [(info.filename, info.file_size) for info in read.infolist()] == [
        *(("first", 1), ("large", size), ("second", 2), ("third", 1)),
    ]
    assert read.read("third") == b"3"
    assert read.read("second") == b"22"
    with read.open("large") as opened:
        assert opened.read(9) == bytes(9)
    assert [info.header_offset for info in read.infolist()][1:] == [
        mark.offset for mark in file.marks[1:-1]
    ] + [file.marks[2].after(Entry("second", 2, 0, MADE)).offset]


def test_more_entries_than_16_bits_count() -> None:
    file = file_of(*([ready(f"{run}/{number}", b"") for number in range(7_000)] for run in range(10)))
    assert len(zipfile.ZipFile(BytesIO(bytes_of(file))).infolist()) == 70_000


#: How other programs try a file.
JUDGES = {"unzip": ("-tqq",), "7z": ("t",), "bsdtar": ("-tf",)}


@pytest.mark.parametrize("judge", JUDGES)
def test_others_take_it(judge: str, tmp_path: Path) -> None:
    if not shutil.which(judge):
        lacking(f"{judge} is not installed")
    many = [ready(f"many/{number}", b"x") for number in range(66_000)]
    path = tmp_path / "file.zip"
    for file in (
        file_of([ready("é/1.dcm", b"data" * 999), ready("empty", b"")]),
        file_of(many),
        file_of([zeros("large", LARGE, NOTHING)], [ready("behind", b"3")]),
    ):
        _write(file, path)
        told = subprocess.run([judge, *JUDGES[judge], path], capture_output=True, text=True)
        assert told.returncode == 0, told.stdout[-500:] + told.stderr[-500:]


def _write(file: Zip, path: Path) -> None:
    """With holes where there is nothing."""

    async def write() -> None:
        with path.open("wb") as stream:
            async for piece in file.stream(0, file.size):
                if piece == _HOLE:
                    stream.seek(len(piece), 1)
                else:
                    stream.write(piece)  # type: ignore[arg-type]

    anyio.run(write)


_HOLE = bytes(PIECE)
