"""Ours on real files: the test files of `pydicom`, and those of `pydicom-data` and `deid-data`."""

import csv
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from warnings import catch_warnings

from pydicom import dcmread

from bench.deid.tools import CACHE

#: The modules in whose folders the files are; deid-data's folder is found without importing it.
PACKAGES = {"pydicom": "pydicom.data", "pydicom-data": "data_store", "deid-data": "deid_data"}
DEID_DATA = "deid-data==0.0.20"


@dataclass(frozen=True, slots=True)
class Found:
    """Of one package: files, those that pydicom reads as instances, and what became of them."""

    package: str
    files: int
    inputs: int
    outputs: int
    held: int
    unreadable: int
    quarantined: int
    status: int
    reasons: Counter[str]


def report() -> str:
    """A table, and after it the reasons why something needs a person."""
    found = [_run(name, folder) for name, folder in folders().items()]
    head = (
        "| package | files | pydicom reads | outputs | held for a person | unreadable | quarantined | exit |"
    )
    rows = [
        f"| {each.package} | {each.files} | {each.inputs} | {each.outputs} | {each.held} "
        f"| {each.unreadable} | {each.quarantined} | {each.status} |"
        for each in found
    ]
    reasons = [
        f"- {each.package}: {count} x {reason}"
        for each in found
        for reason, count in each.reasons.most_common()
    ]
    return "\n".join([head, "| --- |" + " ---: |" * 7, *rows, "", *reasons, ""])


def folders() -> dict[str, Path]:
    """Where the files of each package are; deid-data is put below the cache folder."""
    extra = CACHE / DEID_DATA
    if not extra.exists():
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", extra, DEID_DATA]
        subprocess.run(pip, check=True)
    places = {"deid-data": extra}
    for name, module in PACKAGES.items():
        spec = None if name in places else find_spec(module)
        if spec and spec.origin:
            places[name] = Path(spec.origin).parent
    return places


def _run(package: str, source: Path) -> Found:
    with TemporaryDirectory(prefix="bench-deid-") as name, catch_warnings(action="ignore"):
        folder = Path(name)
        ours = [sys.executable, "-m", "app", "deid"]
        subprocess.run([*ours, "key", folder / "key"], check=True, capture_output=True)
        command = [
            *ours,
            source,
            folder / "out",
            "--key-file",
            folder / "key",
            "--crosswalk",
            folder / "crosswalk",
        ]
        done = subprocess.run(command, capture_output=True, text=True)
        record = folder / "out-record"
        return Found(
            package,
            files=len(_files(source)),
            inputs=sum(map(_readable, _files(source))),
            outputs=len(outputs := _files(folder / "out")),
            held=len(held := _files(record / "to-decide")),
            unreadable=sum(not _readable(each) for each in (*outputs, *held)),
            quarantined=len(_files(record / "quarantine")),
            status=done.returncode,
            reasons=_reasons(record / "reasons.csv"),
        )


def _files(folder: Path) -> list[Path]:
    return [each for each in folder.rglob("*") if each.is_file()]


def _readable(path: Path) -> bool:
    try:
        return "SOPInstanceUID" in dcmread(path)
    except Exception:
        return False


def _reasons(path: Path) -> Counter[str]:
    if not path.exists():
        return Counter()
    with path.open(encoding="utf-8", newline="") as file:
        return Counter(row["reason"] for row in csv.DictReader(file))
