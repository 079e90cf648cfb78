import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
TESTS = """
import pytest
def test_passes(): pass
# What the run must name at its end, or fail.
def test_skips(): pytest.skip("no such server: install it")
@pytest.mark.skipif(True, reason="no such server: install it")
def test_is_marked(): pass
# Nothing is missing there: an expected failure is told apart from what was left out.
@pytest.mark.xfail(reason="known", strict=True)
def test_expected(): assert False
"""


def run(folder: Path, require: str, tests: str) -> tuple[int, str]:
    (folder / "test_it.py").write_text(tests)
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "tests.required",
        "-p",
        "no:xdist",
        "--rootdir",
        folder,
        folder,
    ]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "READINGROOM_REQUIRE": require}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout


def test_what_is_missing_is_named_once(tmp_path: Path) -> None:
    code, output = run(tmp_path, "", TESTS)
    assert code == 0
    assert "missing here, so not tested" in output
    assert "    2 x no such server: install it" in output


def test_what_is_required_fails(tmp_path: Path) -> None:
    code, output = run(tmp_path, "all", TESTS)
    assert code == 1
    assert "1 failed, 1 passed, 1 xfailed, 1 error" in output
    assert "missing, and READINGROOM_REQUIRE=all: no such server: install it" in output


@pytest.mark.parametrize(("require", "expected"), [("", 5), ("all", 2)])
def test_a_module_that_skips_itself(tmp_path: Path, require: str, expected: int) -> None:
    code, output = run(tmp_path, require, 'import pytest\npytest.importorskip("no_such_module")\n')
    assert code == expected
    assert "no_such_module" in output


def test_nothing_missing_nothing_said(tmp_path: Path) -> None:
    code, output = run(tmp_path, "all", "def test_passes(): pass")
    assert code == 0
    assert "not tested" not in output
