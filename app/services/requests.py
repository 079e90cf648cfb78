"""Requests for access: made by people, decided by those who own the collection; approving one grants."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, true

from app.access import forms
from app.access.callers import Caller
from app.access.requests import GRANTED_FOR, NEED_WORDS, OPEN, Who, after, possible
from app.archive import Archive
from app.errors import Conflict, InvalidRequest, NotFound
from app.models.types import now
from app.registry import agreements, audit, grants, requests, rights
from app.registry.reach import Reach, reach
from app.registry.requests import Request
from app.registry.rights import Known
from app.registry.tables import REQUEST
from app.services.owners import reached, require_person, require_sign_in
from app.services.roots import enter, known
from app.viewer import Viewer

#: So often something can be done with one request.
LONGEST_HISTORY = 200


@dataclass(frozen=True, slots=True)
class Asked:
    """What somebody asks with: answers by question, and the version of the agreement that they accept by
    typing their name. None leaves what there is.
    """

    answers: Mapping[str, str] | None = None
    agreement: int | None = None
    signed_as: str = ""


@dataclass(frozen=True, slots=True)
class Words:
    """What is said with an act, and, of an approval, what is granted until when."""

    text: str = ""
    role: str = "reader"
    ends_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Shown:
    """A request, and what the caller can do with it."""

    request: Request
    possible: list[str]


@dataclass(frozen=True, slots=True)
class _Step:
    """An act that is allowed, on a request as it is."""

    connection: Connection
    caller: Caller
    found: Request
    words: Words

    def done(self, act: str, text: str) -> dict[str, str]:
        """What the request's history says of it."""
        return {"at": now().isoformat(), "act": act, "by": self.caller.name, "text": text}


async def create(archive: Archive, caller: Caller, slug: str, asked: Asked) -> Shown:
    """A draft of a request. Raises NotSignedIn, NotFound, Forbidden, InvalidRequest, Conflict."""
    register, viewer = await enter(archive, caller)
    collection = known(register, viewer, slug)
    require_sign_in(caller)
    seen = reach(register, caller, viewer)
    person = require_person(seen.person)

    def work(connection: Connection) -> Request:
        if not takes(connection, collection, viewer):
            raise Conflict(
                "Nobody needs to ask for access to this collection, or its owner takes no requests."
            )
        values = _asked(connection, collection.id, replace(asked, answers=asked.answers or {}))
        return _draft(connection, caller, collection.id, person, values)

    return _shown(caller, await archive.database.write(work))


def takes(connection: Connection, collection: Known, viewer: Viewer) -> bool:
    """Whether the collection takes requests, by the tiers of what the viewer knows in it."""
    tiers = {unit.tier for unit in collection.units if viewer.knows(unit.id)}
    return "request" in tiers or (
        "private" in tiers and agreements.form(connection, collection.id).when_private
    )


async def page(
    archive: Archive, caller: Caller, collection: str | None, state: str | None, after: int, limit: int
) -> list[Shown]:
    """Requests that the caller sees, and what they can do with each. Raises NotSignedIn."""
    seen = await reached(archive, caller)
    wanted = [seen.requests()]
    if collection is not None:
        found = (await archive.rights.register()).collections.get(collection)
        wanted.append(REQUEST.c.collection_id == (found.id if found else 0))
    if state is not None:
        wanted.append(REQUEST.c.state == state)
    read = await archive.database.lookup(
        lambda connection: requests.page(connection, and_(*wanted), after, limit)
    )
    return [_shown(caller, each) for each in read]


async def get(archive: Archive, caller: Caller, request: int) -> Shown:
    """One request, and what the caller can do with it. Raises NotSignedIn, NotFound."""
    seen = await reached(archive, caller)
    return _shown(caller, await archive.database.lookup(lambda connection: _find(connection, seen, request)))


async def change(
    archive: Archive, caller: Caller, request: int, asked: Asked, match: Callable[[Shown], object]
) -> Shown:
    """Answer otherwise, or accept an agreement. Raises NotFound, Forbidden, InvalidRequest, Conflict."""
    return await _write(archive, caller, request, "change", Words(), match, asked)


async def act(
    archive: Archive,
    caller: Caller,
    request: int,
    what: str,
    words: Words,
    match: Callable[[Shown], object],
) -> Shown:
    """Do something with a request that is possible in its state. To renew gives the new one.

    Raises NotSignedIn, NotFound, Forbidden, InvalidRequest, Conflict.
    """
    if what in NEED_WORDS and not words.text:
        raise InvalidRequest("Say why, in the text: who asks reads it.")
    return await _write(archive, caller, request, what, words, match)


async def _write(
    archive: Archive,
    caller: Caller,
    request: int,
    what: str,
    words: Words,
    match: Callable[[Shown], object],
    asked: Asked | None = None,
) -> Shown:
    seen = await reached(archive, caller)

    def work(connection: Connection) -> Request:
        found = _find(connection, seen, request)
        match(_shown(caller, found))
        side = _side(caller, found)
        state = after(found.state, what, side)
        if side is Who.ASKER:
            require_person(seen.person)
        if len(found.history) >= LONGEST_HISTORY:
            raise Conflict("Too much was done with this request: make another one.")
        step = _Step(connection, caller, found, words)
        if what == "renew":
            return _renew(step)
        if asked:
            values = _asked(connection, found.collection_id, asked)
        else:
            history = [*found.history, step.done(what, words.text)]
            values = {"history": history, **_EFFECTS.get(what, _nothing)(step)}
        requests.change(connection, found, {**values, "state": state})
        audit.enter(connection, caller.name, f"request.{what}", found.collection_id, request=found.id)
        return _find(connection, seen, request)

    return _shown(caller, await archive.database.write(work))


def _find(connection: Connection, seen: Reach, request: int) -> Request:
    found = requests.find(connection, seen.requests(), request)
    if found is None:
        raise NotFound
    return found


def _shown(caller: Caller, request: Request) -> Shown:
    return Shown(request, possible(request.state, _side(caller, request)))


def _side(caller: Caller, request: Request) -> Who:
    """Who asks does not review, whatever they own."""
    return Who.ASKER if caller.signed_in and request.person == caller.person else Who.REVIEWER


def _asked(connection: Connection, collection: int, asked: Asked) -> dict[str, Any]:
    """The row's values of what is asked with. Raises InvalidRequest, Conflict."""
    values: dict[str, Any] = {}
    if asked.answers is not None:
        questions = agreements.form(connection, collection).questions
        forms.check(questions, asked.answers, complete=False)
        values["answers"] = asked.answers
    if asked.agreement is not None:
        latest = agreements.latest(connection, collection)
        if latest is None or latest.version != asked.agreement:
            raise Conflict(f"The agreement to accept is version {latest.version}." if latest else _NONE)
        values |= {"agreement_id": latest.id, "signed_as": asked.signed_as}
    return values


_NONE = "The collection has no agreement to accept."


def _draft(
    connection: Connection, caller: Caller, collection: int, person: int, values: Mapping[str, Any]
) -> Request:
    """A new draft, one at a time. Raises Conflict."""
    requests.take_turn(connection, person)
    last = requests.last_of(connection, collection, person)
    if last and last.state in OPEN:
        raise Conflict(f"Request {last.id} is {last.state}: go on with it, or withdraw it.", request=last.id)
    made = requests.create(connection, {**values, "collection_id": collection, "person_id": person})
    audit.enter(connection, caller.name, "request.create", collection, request=made)
    found = requests.find(connection, true(), made)
    assert found
    return found


def _renew(step: _Step) -> Request:
    old = step.found
    values = {"answers": old.answers, "renews": old.id, "history": [step.done("renew", step.words.text)]}
    return _draft(step.connection, step.caller, old.collection_id, old.person, values)


def _submit(step: _Step) -> dict[str, Any]:
    """Raises InvalidRequest where an answer is missing, Conflict where the agreement is not accepted."""
    found, collection = step.found, step.found.collection_id
    forms.check(agreements.form(step.connection, collection).questions, found.answers, complete=True)
    latest = agreements.latest(step.connection, collection)
    if latest and latest.version != found.agreement:
        raise Conflict(f"Read version {latest.version} of the agreement and accept it first.")
    return {"submitted_at": found.submitted_at or now()}


def _approve(step: _Step) -> dict[str, Any]:
    """Grant what was asked for; the request that this one renews is closed."""
    found, words, moment = step.found, step.words, now()
    newer = agreements.to_accept(step.connection, found.collection_id, found.agreement or 0)
    if newer:
        raise Conflict(f"Version {newer} of the agreement is to be accepted first: ask for that.")
    ends_at = words.ends_at or moment + GRANTED_FOR
    if ends_at <= moment:
        raise InvalidRequest("Access ends after this moment.")
    grant = {
        "to": "person",
        "person_id": found.person,
        "collection_id": found.collection_id,
        "role": words.role,
        "starts_at": moment,
        "ends_at": ends_at,
        "reason": f"Request {found.id}",
        "granted_by": step.caller.name,
    }
    row = grants.create(step.connection, grant)
    told = {"grant": row, "person": found.person, "role": words.role, "request": found.id}
    audit.enter(step.connection, step.caller.name, "grant.create", found.collection_id, **told)
    _supersede(step)
    rights.changed(step.connection)
    return {"grant_id": row}


def _supersede(step: _Step) -> None:
    old = step.found.renews and requests.find(step.connection, true(), step.found.renews)
    if old and old.state == "approved":
        _end(replace(step, found=old))
        done = step.done("close", f"Renewed by request {step.found.id}.")
        requests.change(step.connection, old, {"state": "closed", "history": [*old.history, done]})


def _end(step: _Step) -> dict[str, Any]:
    """End what was granted, unless it has ended."""
    found, moment = step.found, now()
    if found.grant and not found.revoked_at and (found.ends_at is None or moment < found.ends_at):
        grants.change(step.connection, found.grant, {"revoked_at": moment})
        rights.changed(step.connection)
        told = {"grant": found.grant, "request": found.id}
        audit.enter(step.connection, step.caller.name, "grant.revoke", found.collection_id, **told)
    return {}


def _nothing(_: _Step) -> dict[str, Any]:
    return {}


_EFFECTS: Mapping[str, Callable[[_Step], dict[str, Any]]] = {
    "submit": _submit,
    "answer": _submit,
    "approve": _approve,
    "revoke": _end,
    "close": _end,
}
