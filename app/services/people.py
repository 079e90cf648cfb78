"""People: who is made one, and who may change what is kept of them."""

import re
from datetime import timedelta

from sqlalchemy import Connection

from app.access.callers import Caller
from app.access.secrets import PERSONAL, SHOWN, digest, make
from app.database import Database
from app.errors import Forbidden, InvalidRequest, NotFound, NotSignedIn
from app.models.types import now
from app.registry import audit, people, rights, share_links, tokens
from app.registry.people import HERE, Person
from app.services import passwords

#: What people sign in with.
NAME = re.compile(r"[a-z0-9][a-z0-9._@+-]{0,99}")
#: Who changes people at the command line.
OPERATOR = "operator"


def require_administrator(caller: Caller) -> None:
    """Raises NotSignedIn, or Forbidden for whoever is no administrator or sends what stands for less."""
    if not caller.signed_in:
        raise NotSignedIn
    if not caller.everything or caller.narrowed:
        raise Forbidden("This is for administrators.")


async def add(
    database: Database,
    name: str,
    password: str | None,
    who: str,
    *,
    admin: bool = False,
    auditor: bool = False,
) -> int:
    """Make an account here; without a password it is a pipeline's. Raises InvalidRequest, Conflict."""
    if not NAME.fullmatch(name):
        raise InvalidRequest(
            "A name has 1 to 100 lower-case letters, digits, and . _ @ + -; give such a one."
        )
    kept = "" if password is None else await passwords.hashed(password)

    def write(connection: Connection) -> int:
        person = people.add(connection, HERE, name, password=kept, admin=admin, auditor=auditor)
        audit.enter(connection, who, "person.create", person=person, admin=admin, auditor=auditor)
        return person

    return await database.write(write)


async def everybody(database: Database) -> list[Person]:
    """All people, in the order in which they came."""
    return await database.scan(lambda connection: people.page(connection, 0, 1_000_000))


async def change(database: Database, person: int, who: str, **values: bool) -> Person:
    """Make somebody an administrator, an auditor, disabled, or no longer. Raises NotFound.

    Who is disabled loses their tokens, sessions and links: enabled again, they have none.
    """

    def write(connection: Connection) -> Person:
        people.change(connection, person, values)
        found = people.get(connection, person)
        if found is None:
            raise NotFound(f"There is nobody of number {person}.")
        if values.get("disabled"):
            tokens.end_all(connection, person, tokens.PERSONAL, tokens.SESSION)
            share_links.end_all(connection, person)
        if values:
            audit.enter(connection, who, "person.change", person=person, **values)
            rights.changed(connection)
        return found

    return await database.write(write)


async def set_password(database: Database, person: int, password: str, who: str) -> None:
    """Give somebody another password: wherever they are signed in, that ends. Raises InvalidRequest."""
    kept = await passwords.hashed(password)

    def write(connection: Connection) -> None:
        found = people.get(connection, person)
        if found is None or found.issuer != HERE:
            raise NotFound(f"There is no account here of number {person}.")
        people.change(connection, person, {"password": kept})
        tokens.end_all(connection, person, tokens.SESSION)
        audit.enter(connection, who, "person.password", person=person)

    await database.write(write)


async def give_token(database: Database, person: int, days: int, who: str) -> str:
    """A token of somebody, that lets do all they may. Raises NotFound."""
    secret = make(PERSONAL)

    def write(connection: Connection) -> None:
        if people.get(connection, person) is None:
            raise NotFound(f"There is nobody of number {person}.")
        until = now() + timedelta(days=days)
        row = tokens.make(connection, person, OPERATOR, (secret[:SHOWN], digest(secret)), (), (), until)
        audit.enter(connection, who, "token.create", token=row, person=person)

    await database.write(write)
    return secret
