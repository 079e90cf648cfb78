import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from app.storage.directory import Directories, Directory
from app.storage.disk import DISK
from tests.storage.arrange import Watch, left_in

KEY = "01K9Z3M0000000000000000000"


def test_an_fsync_that_began_earlier_is_no_answer(tmp_path: Path) -> None:
    began, ended, lock = [0], [0], threading.Lock()

    def fsync_directory(path: Path) -> None:
        with lock:
            began[0] += 1
        time.sleep(0.005)
        with lock:
            ended[0] += 1

    directory = Directory(replace(DISK, fsync_directory=fsync_directory), tmp_path)

    def sync(_: int) -> bool:
        before = began[0]
        directory.sync()
        return ended[0] > before

    with ThreadPoolExecutor(16) as threads:
        assert all(threads.map(sync, range(400)))
    assert 25 <= began[0] < 200


def test_a_failed_fsync_is_nobodys_success(tmp_path: Path) -> None:
    def fsync_directory(path: Path) -> None:
        time.sleep(0.001)
        raise OSError

    directory = Directory(replace(DISK, fsync_directory=fsync_directory), tmp_path)

    def sync(_: int) -> bool:
        with pytest.raises(OSError):  # noqa: PT011
            directory.sync()
        return True

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(sync, range(20)))


def test_syncs_the_parents_once_even_of_what_another_made(tmp_path: Path) -> None:
    watch = Watch()
    (tmp_path / "01K9Z/3M").mkdir(parents=True)
    directories = Directories(watch.disk(), tmp_path)
    with ThreadPoolExecutor(8) as threads:
        found = set(threads.map(directories.of, [KEY] * 50))
    assert len(found) == 1
    assert watch.calls == [
        ("mkdir", tmp_path / "01K9Z"),
        ("fsync_directory", tmp_path),
        ("mkdir", tmp_path / "01K9Z/3M"),
        ("fsync_directory", tmp_path / "01K9Z"),
    ]


def test_remembers_a_bounded_number(tmp_path: Path) -> None:
    directories = Directories(replace(DISK, fsync_directory=lambda path: None), tmp_path)
    first = directories.of(KEY)
    for index in range(600):
        directories.of(f"01K9Z{index:021d}"[:5] + f"{index // 10:03d}"[-2:] + f"{index:019d}")
        directories.of(f"01K9{index % 10}{index // 10:02d}{0:019d}")
    assert len(directories._known) == 256
    assert directories.of(KEY) is not first
    assert directories.of(KEY).path == first.path


def test_never_makes_the_root(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Directories(DISK, tmp_path / "not mounted").of(KEY)
    assert left_in(tmp_path) == []
