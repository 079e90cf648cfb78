"""What is known of the patients whose data a collection de-identifies: sealed, and more with each request."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, cast

from sqlalchemy import Connection

from app.archive import Archive
from app.crosswalk import Seal
from app.deid.engine import Rules
from app.deid.text import Identifiers
from app.registry import deidentification
from app.registry.deidentification import IDENTIFIERS, PATIENT
from app.services.door import Door


@dataclass(frozen=True, slots=True)
class Patients:
    """The rules, which know the patients' names, and what identifies each."""

    rules: Rules
    identifiers: dict[str, Identifiers]


async def known(archive: Archive, door: Door, harvested: Iterable[tuple[str, Identifiers]]) -> Patients:
    """What is known of the patients by now, kept for what comes later."""
    found: dict[str, Identifiers] = {}
    for patient, identifiers in harvested:
        found[patient] = found.get(patient, Identifiers()) | identifiers
    if not found:
        return Patients(door.rules(), found)
    return await archive.database.write(lambda connection: _merged(connection, door, found))


def _merged(connection: Connection, door: Door, found: dict[str, Identifiers]) -> Patients:
    seal = door.seal
    rules = door.rules(_named(connection, door, found))
    names = {patient: rules.identities.patient_id(patient) for patient in found}
    pairs = {seal.lookup(PATIENT, old): seal.close([old, new], PATIENT) for old, new in names.items()}
    deidentification.put(connection, door.collection, PATIENT, pairs, anew=False)
    lookups = {patient: seal.lookup(IDENTIFIERS, name) for patient, name in names.items()}
    before = deidentification.get(connection, door.collection, IDENTIFIERS, lookups.values())
    merged = {patient: known | opened(seal, before.get(lookups[patient])) for patient, known in found.items()}
    sealed = {lookups[patient]: seal.close(known.to_json(), IDENTIFIERS) for patient, known in merged.items()}
    deidentification.put(connection, door.collection, IDENTIFIERS, sealed, anew=True)
    return Patients(rules, merged)


def _named(connection: Connection, door: Door, patients: Iterable[str]) -> dict[str, str]:
    """The names of patients that are called in sequence: those they have, and new ones."""
    number = deidentification.count(connection, door.collection, PATIENT)
    if door.policy.patient_ids.scheme != "sequence":
        return {}
    seal = door.seal
    lookups = {patient: seal.lookup(PATIENT, patient) for patient in patients}
    held = deidentification.get(connection, door.collection, PATIENT, lookups.values())
    named = {}
    for patient, lookup in lookups.items():
        if lookup in held:
            named[patient] = cast(list[str], seal.open(held[lookup], PATIENT))[1]
        else:
            number += 1
            named[patient] = f"{door.policy.patient_ids.prefix}{number:04}"
    return named


def opened(seal: Seal, sealed: bytes | None) -> Identifiers:
    """What is known of a patient; nothing where nothing is sealed."""
    return Identifiers.from_json(cast(list[Any], seal.open(sealed, IDENTIFIERS))) if sealed else Identifiers()
