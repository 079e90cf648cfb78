"""What another's validator says of real instances before and after: nothing new."""

import re
import subprocess
from collections import Counter
from contextlib import suppress
from pathlib import Path

import pytest

from app.dicom import part10
from app.errors import Fact
from tests.corpus import files
from tests.deid.made import result
from tests.test_foreign_judges import program

_LARGEST = 1 << 20
#: Values differ by design; a validator's sentence that quotes them is the same sentence.
_VALUE = re.compile(r"<[^>]*>|(?<=UID )[0-9.]+")
#: The same value in two places was odd before; which of them is named first may differ.
_NOT_COMPARED = "has same value as"


def errors(path: Path) -> Counter[str]:
    run = subprocess.run([program("dciodvfy"), path], capture_output=True, timeout=60)
    lines = (run.stdout + run.stderr).decode("latin-1").splitlines()
    told = (line for line in lines if line.startswith("Error") and _NOT_COMPARED not in line)
    return Counter(_VALUE.sub("_", line) for line in told)


def some_of_each_class() -> list[Path]:
    """Two instances of each SOP class: the validator takes its time."""
    found: dict[str, list[Path]] = {}
    for path in files():
        if path.stat().st_size <= _LARGEST:
            with suppress(Fact):
                of_class = found.setdefault(part10.read(path.read_bytes()).text(0x00080016), [])
                of_class += [path] if len(of_class) < 2 else []
    return [path for paths in found.values() for path in paths]


@pytest.mark.parametrize("by", ["tcia", "basic"])
def test_real_instances_have_no_new_error(by: str, tmp_path: Path) -> None:
    compared, worse = 0, {}
    for path in some_of_each_class():
        try:
            out, _ = result(path.read_bytes(), by)
        except Fact:
            continue
        after = tmp_path / "after.dcm"
        after.write_bytes(out)
        compared += 1
        if new := errors(after) - errors(path):
            worse[path.name] = dict(new)
    assert not worse
    assert compared > 20
