"""Agreements by version, and the forms that those who ask for access fill in."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from pydantic import TypeAdapter
from sqlalchemy import ColumnElement, Connection, delete, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from app.access.forms import DEFAULT, Question
from app.errors import Conflict
from app.registry.tables import AGREEMENT, GRANT, REQUEST, REQUEST_FORM

_QUESTIONS = TypeAdapter(list[Question])


@dataclass(frozen=True, slots=True)
class Agreement:
    """One version of what those who ask for access to a collection agree to: Markdown."""

    id: int
    version: int
    text: str
    sha256: bytes
    accept_by: datetime | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Form:
    """What is asked, and whether those who know of a private collection may ask for access, too."""

    questions: Sequence[Question] = DEFAULT
    when_private: bool = False


def add(connection: Connection, collection: int, text: str, accept_by: datetime | None) -> Agreement:
    """The next version, kept. Raises Conflict where another is made at the same moment."""
    made = connection.execute(select(func.max(AGREEMENT.c.version)).where(_of(collection))).scalar() or 0
    digest = sha256(text.encode()).digest()
    values = {"version": made + 1, "text": text, "sha256": digest, "accept_by": accept_by}
    try:
        with connection.begin_nested():
            connection.execute(insert(AGREEMENT).values(collection_id=collection, **values))
    except IntegrityError:
        raise Conflict("Another version was made meanwhile: read it first.") from None
    [found] = page(connection, collection, made, 1)
    return found


def page(connection: Connection, collection: int, after: int, limit: int) -> list[Agreement]:
    """The collection's agreements, the oldest first."""
    rows = _AGREEMENTS.where(_of(collection), AGREEMENT.c.version > after)
    found = connection.execute(rows.order_by(AGREEMENT.c.version).limit(limit))
    return [Agreement(*row) for row in found]


def latest(connection: Connection, collection: int) -> Agreement | None:
    """The version that is to be accepted now, or None where there is no agreement."""
    rows = _AGREEMENTS.where(_of(collection)).order_by(AGREEMENT.c.version.desc()).limit(1)
    return next((Agreement(*row) for row in connection.execute(rows)), None)


def to_accept(connection: Connection, collection: int, accepted: int) -> int | None:
    """The last version after the accepted one that is to be accepted in its place, or None."""
    newer = (AGREEMENT.c.version > accepted) & AGREEMENT.c.accept_by.is_not(None)
    return connection.execute(select(func.max(AGREEMENT.c.version)).where(_of(collection), newer)).scalar()


def end_older(connection: Connection, collection: int, newest: int, ends_at: datetime) -> int:
    """Have access end by then that was given for a request under another agreement, or none; how many."""
    under = select(REQUEST.c.grant_id).where(
        REQUEST.c.collection_id == collection, REQUEST.c.agreement_id.is_distinct_from(newest)
    )
    lasting = or_(GRANT.c.ends_at.is_(None), GRANT.c.ends_at > ends_at)
    given = (GRANT.c.id.in_(under), GRANT.c.revoked_at.is_(None), lasting)
    return connection.execute(update(GRANT).where(*given).values(ends_at=ends_at)).rowcount


def form(connection: Connection, collection: int) -> Form:
    """The collection's form, or the one that stands where its owner wrote none."""
    rows = select(REQUEST_FORM).where(REQUEST_FORM.c.collection_id == collection)
    found = connection.execute(rows).first()
    return Form(_QUESTIONS.validate_json(found.questions), found.when_private) if found else Form()


def write_form(connection: Connection, collection: int, written: Form) -> None:
    """Put this form in the place of the one before."""
    connection.execute(delete(REQUEST_FORM).where(REQUEST_FORM.c.collection_id == collection))
    questions = _QUESTIONS.dump_json(list(written.questions))
    values = {"questions": questions, "when_private": written.when_private}
    connection.execute(insert(REQUEST_FORM).values(collection_id=collection, **values))


def _of(collection: int) -> ColumnElement[bool]:
    return AGREEMENT.c.collection_id == collection


_AGREEMENTS = select(*AGREEMENT.c["id", "version", "text", "sha256", "accept_by", "created_at"])
