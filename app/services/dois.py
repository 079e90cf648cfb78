"""DOIs: asked for, registered by a background job, kept as what they stand for changes.

What is sent is what a stranger may be told. Without an account at DataCite identifiers are `local:…`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from secrets import choice
from typing import Any

import orjson
from sqlalchemy import Connection

from app.access.callers import STRANGER, Caller
from app.archive import Archive
from app.citing import kernel
from app.citing.work import Work, cleaned
from app.errors import Conflict, Fact, InvalidRequest, NotFound, RemoteRefused
from app.jobs import Job
from app.registry import audit, dois
from app.registry.dois import DRAFT, FINDABLE, PUBLIC, REGISTERED, Doi
from app.registry.rights import Register
from app.services import doi_jobs
from app.services.citable import CITABLE, Citable
from app.threads import in_thread

#: Crockford's, without what looks like something else.
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_SUFFIX = re.compile(r"[a-z0-9][a-z0-9._-]{0,99}")
#: What leads from the state that DataCite tells to the one that is wanted.
_EVENTS = {
    ("", REGISTERED): "register",
    (DRAFT, REGISTERED): "register",
    ("", FINDABLE): "publish",
    (DRAFT, FINDABLE): "publish",
    (REGISTERED, FINDABLE): "publish",
    (FINDABLE, REGISTERED): "hide",
}
_HIDDEN = "Its metadata are hidden, and those of a DOI are public"


@dataclass(frozen=True, slots=True)
class Shown:
    """An identifier, and what is or would be sent; `problems` keep it from being public."""

    doi: Doi | None
    metadata: Mapping[str, Any]
    problems: tuple[str, ...]


async def show(archive: Archive, citable: Citable) -> Shown:
    """The state of its identifier, and what is said of it."""
    doi = await archive.database.lookup(lambda connection: dois.of(connection, citable.of))
    return await _shown(archive, citable, doi)


async def request(
    archive: Archive,
    caller: Caller,
    citable: Citable,
    state: str,
    suffix: str | None,
    *,
    dry_run: bool = False,
) -> Shown:
    """Ask for an identifier in this state, or for another state of the one there is.

    Raises InvalidRequest, and Conflict that says what is in the way.
    """
    before = await archive.database.lookup(lambda connection: dois.of(connection, citable.of))
    identifier = _identifier(archive, citable, before, suffix)
    shown = await _shown(archive, citable, before)
    if before and (before.state in PUBLIC or before.wanted in PUBLIC) and state == DRAFT:
        raise Conflict("A DOI that was registered once stays: it can be hidden, with the state registered.")
    if state in PUBLIC and shown.problems:
        raise Conflict(f"This cannot be made public: {'; '.join(shown.problems)}.", problems=shown.problems)
    if dry_run:
        return shown

    def write(connection: Connection) -> Doi:
        doi = dois.want(connection, citable.of, identifier, state, citable.collection, citable.version)
        doi_jobs.enqueue(connection, doi)
        said = {"of": citable.of, "doi": identifier, "state": state}
        audit.enter(connection, caller.name, "doi.request", collection=citable.collection, **said)
        return doi

    return replace(shown, doi=await archive.database.write(write))


async def carry_out(archive: Archive, job: Job) -> None:
    """Bring an identifier into the state that is wanted, with what may be said now."""
    doi = await archive.database.lookup(lambda connection: dois.get(connection, job.arguments["doi"]))
    if doi is None:
        return
    register = await archive.rights.register()
    kind, *rest = doi.of.split("/")
    citable = CITABLE[kind](register, *rest)
    try:
        await _carry_out(archive, register, citable, doi)
    except Fact as fact:
        words = fact.detail
        await archive.database.write(lambda connection: dois.failed(connection, doi, words))
        raise


async def _carry_out(archive: Archive, register: Register, citable: Citable, doi: Doi) -> None:
    work = await _public(archive, register, citable)
    wanted = doi.wanted
    if work is None and wanted in PUBLIC:
        if doi.state not in PUBLIC:
            raise RemoteRefused(f"{_HIDDEN}: show them first.")
        wanted = REGISTERED
    attributes: dict[str, Any] = {}
    if work is not None:
        work = replace(work, identifier=doi.identifier)
        attributes = {**await in_thread(_metadata, work), "url": work.url}
    digest = sha256(orjson.dumps(attributes, option=orjson.OPT_SORT_KEYS)).digest()
    if doi.identifier.startswith("10."):
        state = await _send(archive, doi, wanted, attributes, digest)
    else:
        state = wanted

    def write(connection: Connection) -> None:
        dois.reached(connection, doi, state, digest)
        if state != doi.state:
            doi_jobs.changed(connection, *_told_of(register, citable))
            said = {"of": doi.of, "doi": doi.identifier, "state": state}
            audit.enter(connection, audit.SYSTEM, "doi.reached", collection=doi.collection_id, **said)

    await archive.database.write(write)


async def _send(archive: Archive, doi: Doi, wanted: str, attributes: Mapping[str, Any], digest: bytes) -> str:
    """The state at DataCite afterwards. Whoever died before this told, what they did is found there."""
    # Only here: who has no account does not load it.
    from app.datacite import DataCite

    settings = archive.settings
    if not (settings.datacite_repository and settings.datacite_password):
        raise RemoteRefused("There is no account at DataCite any more.")
    password = settings.datacite_password.get_secret_value()
    async with DataCite(settings.datacite_url, settings.datacite_repository, password) as service:
        found = await service.find(doi.identifier)
        if found and not doi.state and found.get("url") not in (None, "", attributes.get("url")):
            raise RemoteRefused("This DOI stands for something else at DataCite: choose another suffix.")
        state = str(found.get("state", "")) if found else ""
        event = _EVENTS.get((state, wanted))
        if found and not event and digest == doi.sent:
            return state
        return await service.put(doi.identifier, {**attributes, **({"event": event} if event else {})})


def _told_of(register: Register, citable: Citable) -> set[int]:
    """The collections whose metadata may name this one."""
    if citable.collection is None:
        return set()
    about = register.sources.get(citable.collection, frozenset())
    return {citable.collection} | about | register.results(citable.collection)


async def _shown(archive: Archive, citable: Citable, doi: Doi | None) -> Shown:
    register = await archive.rights.register()
    work = await _public(archive, register, citable)
    if work is None:
        return Shown(doi, {}, (f"{_HIDDEN}: show them first, or ask for a draft",))
    if doi:
        work = replace(work, identifier=doi.identifier)
    problems = [f"it has no {each}" for each in kernel.missing(work)]
    metadata = await in_thread(_metadata, work)
    problems += [f"the metadata are not valid ({each})" for each in await in_thread(kernel.faults, metadata)]
    return Shown(doi, metadata, tuple(problems))


def _metadata(work: Work) -> dict[str, Any]:
    return kernel.metadata(cleaned(work))


async def _public(archive: Archive, register: Register, citable: Citable) -> Work | None:
    """What a stranger may be told; None where that is nothing."""
    stranger = await archive.rights.viewer(STRANGER, register)
    try:
        return await citable.work(archive, register, stranger)
    except NotFound:
        return None


def _identifier(archive: Archive, citable: Citable, before: Doi | None, suffix: str | None) -> str:
    """What it is to be called: chosen, or without a meaning. Raises InvalidRequest, Conflict."""
    prefix = archive.settings.datacite_prefix
    if suffix is not None and not _SUFFIX.fullmatch(suffix):
        raise InvalidRequest(
            "A suffix has lower-case letters, digits, dots, hyphens and underscores, a hundred at most."
        )
    if suffix is not None and prefix is None:
        raise InvalidRequest("This archive has no prefix of DOIs: leave the suffix out.")
    chosen = f"{prefix}/{suffix}" if suffix is not None else ""
    kept = before and (before.identifier.startswith("10.") or prefix is None)
    if before and kept:
        if chosen and chosen != before.identifier:
            raise Conflict(f"It is called {before.identifier} already.")
        return before.identifier
    if prefix is None:
        return f"local:{citable.local}"
    return chosen or f"{prefix}/{_random(4)}-{_random(4)}"


def _random(length: int) -> str:
    return "".join(choice(_ALPHABET) for _ in range(length))
