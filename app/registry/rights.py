"""What decides who may see what, as the database has it: units, grants, and the count of their changes."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, bindparam, or_, select, update

from app.access.decide import Granted, Unit
from app.database.statements import Statement
from app.registry.tables import GRANT, MEMBER, RIGHTS, UNIT

_REVISION = Statement(select(RIGHTS.c.revision))


@dataclass(frozen=True, slots=True)
class Rows:
    """All that the rule takes for one caller."""

    units: Sequence[Unit]
    granted: Sequence[Granted]


def revision(connection: Connection) -> int:
    """The count of changes: where it is the same, so are the rows."""
    [(found,)] = _REVISION.rows(connection)
    return int(found)


def changed(connection: Connection) -> None:
    """Say, within the transaction that changes anything of it, that somebody's rights may have changed."""
    connection.execute(update(RIGHTS).values(revision=RIGHTS.c.revision + 1))


def rows(connection: Connection, person: int | None, moment: datetime) -> Rows:
    """The units, and the grants that are not revoked of a person; of nobody, those to anyone."""
    columns = UNIT.c["id", "collection_id", "site_id", "tier", "embargo_until", "hidden"]
    units = [Unit(*row) for row in connection.execute(select(*columns))]
    return Rows(units, [Granted(*row) for row in connection.execute(_GRANTS, {"person": person, "now": moment})])


_groups = select(MEMBER.c.group_id).where(
    MEMBER.c.person_id == bindparam("person"),
    or_(MEMBER.c.ends_at.is_(None), MEMBER.c.ends_at > bindparam("now")),
)
_GRANTS = select(
    GRANT.c.role, GRANT.c.collection_id, GRANT.c.site_id, GRANT.c.starts_at, GRANT.c.ends_at
).where(
    GRANT.c.revoked_at.is_(None),
    or_(
        GRANT.c.person_id == bindparam("person"),
        GRANT.c.group_id.in_(_groups),
        GRANT.c.to == "anyone",
        (GRANT.c.to == "registered") & bindparam("person").is_not(None),
    ),
)
