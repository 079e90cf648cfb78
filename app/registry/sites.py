"""Sites that submit to a collection, and the access units that what they send lies in."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Connection, Table, insert, select, update
from sqlalchemy.exc import IntegrityError

from app.access.decide import Unit
from app.errors import Conflict, InvalidRequest
from app.registry.collections import SLUG, WHAT_IS_A_SLUG
from app.registry.tables import SITE, UNIT


@dataclass(frozen=True, slots=True)
class Site:
    """One site as its row has it; `expected_studies` is what it has promised."""

    id: int
    slug: str
    name: str
    expected_studies: int | None


def create(connection: Connection, collection: int, slug: str, values: Mapping[str, Any]) -> int:
    """Make a site of a collection; its row. Raises InvalidRequest, and Conflict where there is one."""
    if not SLUG.fullmatch(slug):
        raise InvalidRequest(WHAT_IS_A_SLUG)
    made = insert(SITE).values(collection_id=collection, slug=slug, **values).returning(SITE.c.id)
    try:
        with connection.begin_nested():
            return int(connection.execute(made).scalar_one())
    except IntegrityError:
        raise Conflict(f"The collection has a site {slug} already.") from None


def of_collection(connection: Connection, collection: int) -> list[Site]:
    """All sites of a collection, in order of their slugs."""
    columns = SITE.c["id", "slug", "name", "expected_studies"]
    rows = select(*columns).where(SITE.c.collection_id == collection).order_by(SITE.c.slug)
    return [Site(*row) for row in connection.execute(rows)]


def change(connection: Connection, site: Site, values: Mapping[str, Any]) -> None:
    """Write what is new of a site. Raises Conflict where it was changed since it was read."""
    _change(connection, SITE, asdict(site), values)


def create_unit(connection: Connection, collection: int, site: int | None, values: Mapping[str, Any]) -> int:
    """Make an access unit, of the collection itself or of one of its sites; its row."""
    made = insert(UNIT).values(collection_id=collection, site_id=site, **values).returning(UNIT.c.id)
    return int(connection.execute(made).scalar_one())


def change_unit(connection: Connection, unit: Unit, values: Mapping[str, Any]) -> None:
    """Write what is new of an access unit: its tier, its embargo, whether it is hidden. Raises Conflict."""
    before = {"id": unit.id, **rules(unit)}
    _change(connection, UNIT, before, values)


def rules(unit: Unit) -> dict[str, Any]:
    """What decides who may see what lies in a unit, by column."""
    return {"tier": unit.tier, "embargo_until": unit.embargo_until, "hidden": unit.hidden}


def _change(
    connection: Connection, table: Table, before: Mapping[str, Any], values: Mapping[str, Any]
) -> None:
    as_read = [table.c[name].is_not_distinct_from(value) for name, value in before.items()]
    if not connection.execute(update(table).where(*as_read).values(**values)).rowcount:
        raise Conflict("It was changed meanwhile: read it again.")
