"""De-identifying small instances, the way tests choose."""

from io import BytesIO
from typing import Any

from pydicom import Dataset, dcmread
from pydicom.uid import ExplicitVRLittleEndian

from app.deid import engine, policy, text
from app.deid.engine import Result, Rules
from app.deid.identity import Keyed
from app.deid.policy import Policy
from app.dicom import part10
from tests import instances

KEY = bytes(range(32))
OTHER_KEY = bytes(range(32, 64))


def said(**more: Any) -> Policy:
    """A policy of the options that are given, and nothing else."""
    return Policy.model_validate({"name": "test"} | more)


def rules(by: Policy | str = "tcia", key: bytes = KEY, **named: Any) -> Rules:
    """What to go by; a preset by its name."""
    chosen = policy.preset(by) if isinstance(by, str) else by
    return Rules(chosen, Keyed(key, chosen.patient_ids, chosen.dates, named.get("named")))


def result(data: bytes, by: Policy | str = "tcia", key: bytes = KEY, **named: Any) -> tuple[bytes, Result]:
    """An instance de-identified as if it were its patient's only one, and what was done."""
    source, all_rules = part10.read(data), rules(by, key, **named)
    cleaner = all_rules.cleaner(engine.patient_of(source), text.harvest(engine.texts(source)))
    done = engine.deidentify(source, all_rules, cleaner)
    return b"".join(done.chunks), done


def clean(
    dataset: Dataset,
    by: Policy | str = "tcia",
    key: bytes = KEY,
    syntax: str = ExplicitVRLittleEndian,
    **named: Any,
) -> Dataset:
    """What pydicom reads of a data set that was de-identified."""
    return dcmread(BytesIO(result(instances.part10(dataset, syntax), by, key, **named)[0]))
