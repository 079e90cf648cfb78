"""Policies of collections, and how far the de-identification of a submission is."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from app.access.callers import Caller
from app.archive import Archive
from app.deid import policy as policies
from app.deid.policy import PRESETS, Policy
from app.deid.report import Certificate, Summary
from app.errors import Forbidden, InvalidPolicy, NotFound
from app.registry import audit, deidentification
from app.registry.deidentification import Chosen
from app.registry.submissions import Submission
from app.services import door, submissions
from app.services.owners import owned
from app.threads import in_thread


@dataclass(frozen=True, slots=True)
class State:
    """How far a submission is, and what holds it."""

    state: str
    findings: list[dict[str, Any]]


async def policy(archive: Archive, caller: Caller, slug: str) -> tuple[Policy, str]:
    """A collection's policy, and its YAML; for owners. Raises NotSignedIn, NotFound, Forbidden."""
    collection = await owned(archive, caller, slug)
    chosen = await archive.database.lookup(lambda connection: deidentification.of(connection, collection.id))
    if chosen is None:
        raise NotFound("The collection takes what it is sent as it is.")
    return policies.parse(chosen.policy), chosen.policy


async def choose(archive: Archive, caller: Caller, slug: str, text: str) -> tuple[Policy, str]:
    """Have a collection de-identify by a policy (a preset's name, or YAML) what it is sent from now on.

    Raises NotSignedIn, NotFound, Forbidden, InvalidPolicy, KeyUnavailable, Conflict.
    """
    collection = await owned(archive, caller, slug)
    text = f"name: {text}\nextends: {text}\n" if text in PRESETS else text
    wanted = policies.parse(text)
    if wanted.patient_ids.scheme == "table":
        raise InvalidPolicy(
            "At the door there is no table of patients: let patient_ids be keyed or sequence."
        )
    key = await in_thread(archive.keyring.make, slug)
    chosen = Chosen(text, wanted.digest, door.key_check(key))

    def write(connection: Connection) -> None:
        deidentification.choose(connection, collection.id, chosen)
        said = {"policy": wanted.name, "digest": wanted.digest}
        audit.enter(connection, caller.name, "deidentification.choose", collection=collection.id, **said)

    await archive.database.write(write)
    return wanted, text


async def drop(archive: Archive, caller: Caller, slug: str) -> None:
    """Have a collection take what it is sent as it is. Raises as `choose` does."""
    collection = await owned(archive, caller, slug)

    def write(connection: Connection) -> None:
        deidentification.drop(connection, collection.id)
        audit.enter(connection, caller.name, "deidentification.drop", collection=collection.id)

    await archive.database.write(write)


async def state(archive: Archive, caller: Caller, key: str) -> State:
    """How far a submission is. Raises NotSignedIn, NotFound."""
    found, _ = await submissions.mine(archive, caller, key)
    return State(
        *await archive.database.lookup(lambda connection: deidentification.state(connection, found.id))
    )


async def release(archive: Archive, caller: Caller, key: str, reason: str) -> None:
    """Say that a person looked at what is held, and that it may go; for those who curate.

    Raises NotSignedIn, NotFound, Forbidden, Conflict.
    """
    found, curating = await submissions.mine(archive, caller, key)
    if not curating:
        raise Forbidden("What is held is looked at by those who curate where it goes.")

    def write(connection: Connection) -> None:
        deidentification.release(connection, found.id)
        said = {"submission": found.key, "reason": reason}
        audit.enter(
            connection, caller.name, "deidentification.release", collection=found.collection_id, **said
        )

    await archive.database.write(write)


async def certificate(archive: Archive, caller: Caller, key: str) -> Certificate:
    """What was removed from a submission. Raises NotSignedIn, NotFound."""
    found, _ = await submissions.mine(archive, caller, key)
    return await archive.database.scan(lambda connection: _certificate(connection, found))


def _certificate(connection: Connection, submission: Submission) -> Certificate:
    chosen = deidentification.of(connection, submission.collection_id)
    if chosen is None:
        raise NotFound("The submission's collection does not de-identify.")
    made = Certificate(policies.parse(chosen.policy))
    for _, said in deidentification.all_logged(connection, submission.id):
        made.counted(_summary(said))
    return made


def _summary(said: Mapping[str, Any]) -> Summary:
    changed = {(attribute, action, rule) for _, attribute, action, rule, _ in said["changes"]}
    first = "pass" not in said
    return Summary(tuple(changed), tuple(said.get("questions", ())), tuple(said.get("unknown", ())), first)
