"""Roll-ups of live series and studies, and the triggers that keep them, whichever version of us writes.

On SQLite a trigger runs for each row, on PostgreSQL for each statement: there, every change of a row leaves
an old one behind until the transaction ends, and many series are counted together.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import sqlalchemy as sa
from alembic import op

# ruff: noqa: S608 - these are names of ours.

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


class Rolled(NamedTuple):
    """A table: what is alike of the rows that are counted together, and what each of them adds."""

    table: str
    alike: tuple[str, ...]
    added: dict[str, str]

    @property
    def uid(self) -> str:
        """The column of the UID of what a row is of."""
        return f"{self.table}_instance_uid"

    @property
    def counted(self) -> tuple[str, ...]:
        """The columns of which a change is one of the counts."""
        return (*self.alike, self.uid, "added_version", "removed_version", *list(self.added.values())[1:])


_PLACE = ("collection_id", "access_unit_id")
SERIES = Rolled(
    "series",
    (*_PLACE, "modality", "body_part_examined", "manufacturer"),
    {"series": "1", "instances": "number_of_series_related_instances", "size": "size"},
)
STUDY = Rolled("study", (*_PLACE, "patient_id"), {"studies": "1"})
INDEXES: dict[str, list[str | sa.TextClause]] = {
    "series": [
        *SERIES.alike[:3],
        sa.text("substr(body_part_examined, 1, 64)"),
        sa.text("substr(manufacturer, 1, 64)"),
    ],
    "study": [*STUDY.alike],
}


def upgrade() -> None:
    """Make the tables, count what there is, and have it kept."""
    _create_shared()
    for rolled in (SERIES, STUDY):
        _create(rolled)
        for statement in (_count(rolled), _count_shared(rolled), *_keeping()(rolled)):
            op.execute(statement)


def downgrade() -> None:
    """Drop them."""
    postgres = op.get_bind().dialect.name == "postgresql"
    for rolled in (SERIES, STUDY):
        for name in ("insert", "delete", "update") if postgres else _ROWS:
            op.execute(f"DROP TRIGGER {rolled.table}_{name}" + (f" ON {rolled.table}" if postgres else ""))
            if postgres:
                op.execute(f"DROP FUNCTION {rolled.table}_{name}()")
        op.drop_table(f"{rolled.table}_rollup")
    op.drop_table("shared_uid")


def _create(rolled: Rolled) -> None:
    alike = [sa.Column(name, KEY if name in _PLACE else TEXT, nullable=False) for name in rolled.alike]
    added = [sa.Column(name, KEY, nullable=False) for name in rolled.added]
    op.create_table(f"{rolled.table}_rollup", sa.Column("id", KEY, primary_key=True), *alike, *added)
    op.create_index(f"{rolled.table}_rollup_alike", f"{rolled.table}_rollup", INDEXES[rolled.table])


def _create_shared() -> None:
    op.create_table(
        "shared_uid",
        sa.Column("collection_id", KEY, primary_key=True),
        sa.Column("level", TEXT, primary_key=True),
        sa.Column("uid", TEXT, primary_key=True),
    )


def _count(rolled: Rolled) -> str:
    sums = _listed(f"sum({value})" for value in rolled.added.values())
    alike = _listed(rolled.alike)
    into = f"INSERT INTO {rolled.table}_rollup ({alike}, {_listed(rolled.added)})"
    return f"{into} SELECT {alike}, {sums} FROM {rolled.table} WHERE {_live()} GROUP BY {alike}"


def _count_shared(rolled: Rolled) -> str:
    named = f"SELECT collection_id, '{rolled.table}', {rolled.uid} FROM {rolled.table} WHERE {_live()}"
    grouped = f"GROUP BY collection_id, {rolled.uid} HAVING count(*) > 1"
    return f"INSERT INTO shared_uid (collection_id, level, uid) {named} {grouped}"


def _keeping() -> Callable[[Rolled], Iterator[str]]:
    return {"sqlite": _row_triggers, "postgresql": _statement_triggers}[op.get_bind().dialect.name]


#: The triggers of SQLite: when a row comes or leaves.
_ROWS = {
    "comes": ("INSERT", "NEW"),
    "goes": ("DELETE", "OLD"),
    "becomes": ("UPDATE", "NEW"),
    "was": ("UPDATE", "OLD"),
}


def _row_triggers(rolled: Rolled) -> Iterator[str]:
    for name, (event, row) in _ROWS.items():
        of = f" OF {_listed(rolled.counted)}" if event == "UPDATE" else ""
        body = "; ".join(_comes(rolled) if row == "NEW" else _leaves(rolled))
        on = f"AFTER {event}{of} ON {rolled.table} WHEN {_live(row)}"
        yield f"CREATE TRIGGER {rolled.table}_{name} {on} BEGIN {body}; END"


def _comes(rolled: Rolled) -> Iterator[str]:
    values = _listed(_of("NEW", each) for each in (*rolled.alike, *rolled.added.values()))
    yield _add(rolled, "NEW", {name: _of("NEW", value) for name, value in rolled.added.items()})
    yield f"{_into(rolled)} SELECT {values} WHERE changes() = 0"
    named = f"SELECT NEW.collection_id, '{rolled.table}', NEW.{rolled.uid}"
    yield f"{_SHARE} {named} WHERE {_held(rolled, 'NEW')} > 1 ON CONFLICT DO NOTHING"


def _leaves(rolled: Rolled) -> Iterator[str]:
    yield _add(rolled, "OLD", {name: f"-{_of('OLD', value)}" for name, value in rolled.added.items()})
    yield _drop_nothing(rolled, "OLD")
    named = f"level = '{rolled.table}' AND collection_id = OLD.collection_id AND uid = OLD.{rolled.uid}"
    yield f"DELETE FROM shared_uid WHERE {named} AND {_held(rolled, 'OLD')} < 2"


def _statement_triggers(rolled: Rolled) -> Iterator[str]:
    came, gone = "NEW TABLE AS came", "OLD TABLE AS gone"
    for event, changed in (("insert", came), ("delete", gone), ("update", f"{gone} {came}")):
        name = f"{rolled.table}_{event}"
        body = "".join(f"{each}; " for each in _of_statement(rolled, "came" in changed, "gone" in changed))
        yield (
            f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$ DECLARE part record; BEGIN {body}RETURN NULL; END $$"
        )
        yield (
            f"CREATE TRIGGER {name} AFTER {event} ON {rolled.table} REFERENCING {changed} "
            f"FOR EACH STATEMENT EXECUTE FUNCTION {name}()"
        )


def _of_statement(rolled: Rolled, came: bool, gone: bool) -> Iterator[str]:
    columns = dict.fromkeys(rolled.counted)
    rows = [f"SELECT 1 AS times, {_listed(columns)} FROM came"] if came else []
    rows += [f"SELECT -1 AS times, {_listed(columns)} FROM gone"] if gone else []
    sums = {name: f"sum(times * {value})" for name, value in rolled.added.items()}
    alike, parts = _listed(rolled.alike), _listed(f"{value} AS {name}" for name, value in sums.items())
    nothing = " AND ".join(f"{value} = 0" for value in sums.values())
    yield (
        f"FOR part IN SELECT {alike}, {parts} FROM ({' UNION ALL '.join(rows)}) changed "
        f"WHERE {_live()} GROUP BY {alike} HAVING NOT ({nothing}) ORDER BY {alike} "
        f"LOOP {_add(rolled, 'part', {name: f'part.{name}' for name in rolled.added})}; "
        f"IF NOT FOUND THEN {_into(rolled)} VALUES ({_listed(f'part.{each}' for each in _all(rolled))}); "
        f"ELSE {_drop_nothing(rolled, 'part')}; END IF; END LOOP"
    )
    if came:
        named = (
            f"SELECT collection_id, '{rolled.table}', {rolled.uid} FROM {_only('came', 'gone', gone, rolled)}"
        )
        yield f"{_SHARE} {named} WHERE {_held(rolled, 'changed')} > 1 ON CONFLICT DO NOTHING"
    if gone:
        named = f"SELECT collection_id, {rolled.uid} FROM {_only('gone', 'came', came, rolled)}"
        alone = f"{named} WHERE {_held(rolled, 'changed')} < 2"
        yield f"DELETE FROM shared_uid WHERE level = '{rolled.table}' AND (collection_id, uid) IN ({alone})"


def _only(one: str, other: str, both: bool, rolled: Rolled) -> str:
    """What is live in one of the two alone: not every change is of that."""
    place = f"SELECT {_listed((*_PLACE, rolled.uid))} FROM"
    less = f" EXCEPT {place} {other} WHERE {_live()}" if both else ""
    return f"({place} {one} WHERE {_live()}{less}) changed"


_SHARE = "INSERT INTO shared_uid (collection_id, level, uid)"


def _all(rolled: Rolled) -> tuple[str, ...]:
    return (*rolled.alike, *rolled.added)


def _into(rolled: Rolled) -> str:
    return f"INSERT INTO {rolled.table}_rollup ({_listed(_all(rolled))})"


def _add(rolled: Rolled, row: str, added: dict[str, str]) -> str:
    first = f"SELECT min(id) FROM {rolled.table}_rollup WHERE {_alike(rolled, row)}"
    sums = _listed(f"{name} = {name} + {value}" for name, value in added.items())
    return f"UPDATE {rolled.table}_rollup SET {sums} WHERE id = ({first})"


def _drop_nothing(rolled: Rolled, row: str) -> str:
    nothing = " AND ".join(f"{name} = 0" for name in rolled.added)
    return f"DELETE FROM {rolled.table}_rollup WHERE {_alike(rolled, row)} AND {nothing}"


def _alike(rolled: Rolled, row: str) -> str:
    """That a row of the roll-up counts what is like this one, so that its index finds it."""
    names = [*rolled.alike, *(str(each) for each in INDEXES[rolled.table] if "(" in str(each))]
    return " AND ".join(f"{name} = {_of(row, name)}" for name in names)


def _held(rolled: Rolled, row: str) -> str:
    same = f"held.{rolled.uid} = {row}.{rolled.uid} AND held.collection_id = {row}.collection_id"
    return f"(SELECT count(*) FROM {rolled.table} held WHERE {same} AND {_live('held')})"


def _live(row: str = "") -> str:
    of = f"{row}." if row else ""
    return f"{of}added_version IS NOT NULL AND {of}removed_version IS NULL"


def _of(row: str, column: str) -> str:
    """The column of the row; what is none, as it is."""
    if column.startswith("substr("):
        return column.replace("substr(", f"substr({row}.")
    return column if column.isdigit() else f"{row}.{column}"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names)
