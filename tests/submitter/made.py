"""A submitter's folder, and a run over it within this process."""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from pydicom import Dataset, dcmread

from app.deid import policy
from app.deid.engine import Rules
from app.deid.policy import Policy
from app.submitter import run
from app.submitter.run import Outcome, Run
from app.submitter.work import begin
from tests import instances
from tests.deid.made import KEY

#: As TCIA does, but that nobody has to look at the pixels.
POLICY = """
name: lung
extends: tcia
options:
  - clean-descriptors
  - retain-longitudinal-modified-dates
  - retain-patient-characteristics
  - retain-device-identity
"""
BY: Policy = policy.parse(POLICY)
SECRETS = (b"doe", b"jane", b"roe^richard", b"mrn-1", b"mrn-2")


def fill(folder: Path, patients: int = 2, each: int = 3) -> Path:
    """Instances of some patients; one's name stands in a text of another study alone."""
    for patient in range(1, patients + 1):
        for number in range(each):
            dataset = instances.ct(
                study=f"1.2.{patient}",
                series=f"1.2.{patient}.{number % 2}",
                instance=f"1.2.{patient}.9.{number}",
            )
            dataset.PatientID, dataset.PatientName = f"MRN-{patient}", f"Doe{'x' * patient}^Jane"
            if number:
                # Only the first instance says the name: the others learn it from there.
                dataset.PatientName = ""
                dataset.SeriesDescription = f"chest of Doe{'x' * patient}"
            path = folder / f"jane doe {patient}" / f"{number}.dcm"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(instances.part10(dataset))
    return folder


def asked(source: Path, target: Path, **more: Any) -> Run:
    """A run as the command asks for it."""
    said = {"record": target.with_name(f"{target.name}-record"), "policy": BY, "key": KEY, **more}
    return Run(source, target, **said)


def done(source: Path, target: Path, **more: Any) -> Outcome:
    return run.run(asked(source, target, **more), quiet)


def quiet(steps: Iterable[Any], text: str, total: int) -> Iterable[Any]:
    return steps


def written(target: Path) -> dict[str, Dataset]:
    """What is in a target, by its path there."""
    return {str(path.relative_to(target)): dcmread(path) for path in sorted(target.rglob("*.dcm"))}


def content(target: Path) -> dict[str, bytes]:
    return {str(path.relative_to(target)): path.read_bytes() for path in sorted(target.rglob("*.dcm"))}


def in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Threads instead of processes, which take a second each to start."""

    def pool(asked: Run, rules: Rules | None = None) -> ThreadPoolExecutor:
        if rules:
            begin(rules)
        return ThreadPoolExecutor(1)

    monkeypatch.setattr(run, "_pool", pool)
