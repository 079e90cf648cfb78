"""Judges that share no code with us: pydicom, DCMTK's dcmdump, and dciodvfy of dicom3tools."""

import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO

from pydicom import dcmread
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian

from tests.deid.judge.cases import Case
from tests.deid.judge.paths import walk

#: What a message says of one value, which de-identification changes.
_VALUE = re.compile(r" = <.*>|\[\d+\]|value <[^>]*>")


def installed(name: str) -> str | None:
    """Where a program is: beside this Python, or on the path."""
    return shutil.which(name, path=Path(sys.executable).parent) or shutil.which(name)


def unreadable(case: Case) -> Iterator[str]:
    """Why an output cannot be read: nothing where it can."""
    if case.after is None or case.output is None:
        return
    elements = sum(1 for _ in walk(case.after))
    if not elements:
        yield "no element"
    if case.pixels_before is not None and case.pixels_after is None:
        yield "its pixels cannot be decoded"
    dump = installed("dcmdump")
    if dump:
        done = subprocess.run([dump, "-q", case.output], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        if done.returncode:
            yield "dcmdump: " + done.stderr.decode(errors="replace").strip()[:200]


def new_errors(case: Case) -> set[str]:
    """What dciodvfy finds against the standard in an output and did not in its input."""
    before, after = errors(case.source), errors(case.output) if case.output else None
    return set(after - before) if before is not None and after is not None else set()


def errors(path: Path) -> Counter[str] | None:
    """What dciodvfy finds, without the values that it names; None where it gives up, as on 32-bit pixels."""
    program = installed("dciodvfy")
    assert program, "dciodvfy is not here"
    with NamedTemporaryFile(suffix=".dcm") as plain:
        done = subprocess.run([program, _inflated(path, plain)], capture_output=True, timeout=60)
    lines = (done.stdout + done.stderr).decode(errors="replace").splitlines()
    if done.returncode < 0 or any("Assertion" in line for line in lines):
        return None
    return Counter(_VALUE.sub("", line) for line in lines if line.startswith("Error"))


def _inflated(path: Path, plain: IO[bytes]) -> str | Path:
    """The file, or a plain copy of one that is deflated: that dciodvfy cannot read."""
    dataset = dcmread(path, force=True)
    if dataset.file_meta.get("TransferSyntaxUID") != DeflatedExplicitVRLittleEndian:
        return path
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.save_as(plain)
    plain.flush()
    return plain.name
