"""Agreements and forms of a collection: written by its owner, read by whoever knows of it."""

from collections.abc import Callable
from datetime import timedelta

from sqlalchemy import Connection

from app.access.callers import Caller
from app.archive import Archive
from app.errors import InvalidRequest, NotFound
from app.models.types import now
from app.registry import agreements, audit, rights
from app.registry.agreements import Agreement, Form
from app.services.owners import owned
from app.services.roots import enter, known


async def add(archive: Archive, caller: Caller, slug: str, text: str, accept_within: int | None) -> Agreement:
    """Make the next version. Raises NotSignedIn, NotFound, Forbidden, Conflict.

    With `accept_within` (days) what was granted to requests under an older version ends after so long, or
    when it would anyway: they are to be renewed under this one.
    """
    collection = await owned(archive, caller, slug)
    accept_by = None if accept_within is None else now() + timedelta(days=accept_within)

    def work(connection: Connection) -> Agreement:
        made = agreements.add(connection, collection.id, text, accept_by)
        ending = agreements.end_older(connection, collection.id, made.id, accept_by) if accept_by else 0
        rights.changed(connection)
        told = {"version": made.version, "sha256": made.sha256.hex(), "ending": ending}
        audit.enter(connection, caller.name, "agreement.create", collection.id, **told)
        return made

    return await archive.database.write(work)


async def page(archive: Archive, caller: Caller, slug: str, after: int, limit: int) -> list[Agreement]:
    """The versions, the oldest first. Raises NotSignedIn, NotFound."""
    collection = known(*await enter(archive, caller), slug)
    return await archive.database.lookup(
        lambda connection: agreements.page(connection, collection.id, after, limit)
    )


async def get(archive: Archive, caller: Caller, slug: str, version: int) -> Agreement:
    """One version. Raises NotSignedIn, NotFound."""
    found = await page(archive, caller, slug, version - 1, 1)
    if [each.version for each in found] != [version]:
        raise NotFound
    return found[0]


async def form(archive: Archive, caller: Caller, slug: str) -> Form:
    """What is asked. Raises NotSignedIn, NotFound."""
    collection = known(*await enter(archive, caller), slug)
    return await archive.database.lookup(lambda connection: agreements.form(connection, collection.id))


async def write_form(
    archive: Archive, caller: Caller, slug: str, written: Form, match: Callable[[Form], object]
) -> Form:
    """Ask this instead. Raises NotSignedIn, NotFound, Forbidden, InvalidRequest, and what `match` raises."""
    collection = await owned(archive, caller, slug)
    if len({question.key for question in written.questions}) < len(written.questions):
        raise InvalidRequest("Two questions have the same key.")

    def work(connection: Connection) -> Form:
        match(agreements.form(connection, collection.id))
        agreements.write_form(connection, collection.id, written)
        asked = [question.key for question in written.questions]
        audit.enter(connection, caller.name, "request-form.write", collection.id, questions=asked)
        return written

    return await archive.database.write(work)
