"""Collections' records, sites, submissions, people, grants, requests, tokens, links and the audit."""

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
MOMENT = sa.DateTime(timezone=True)
BYTES = sa.LargeBinary()
#: From the last to be made to the first.
TABLES = (
    "usage",
    "audit_anchor",
    "audit_entry",
    "rights",
    "token",
    "share_link",
    "access_request",
    "request_form",
    "agreement",
    "access_grant",
    "submission",
    "people_member",
    "people",
    "person",
    "analysis_source",
    "collection_term",
)


LIVE = sa.text("added_version IS NOT NULL AND removed_version IS NULL")
DRAFT = sa.text("added_version IS NULL AND removed_version IS NULL")


def upgrade() -> None:
    """Make the tables; what there was is as private as it was."""
    _extend_collections()
    _extend_studies()
    _create_people()
    _create_rights()
    _create_submissions()
    _create_audit()
    rights = sa.table("rights", sa.column("revision"))
    op.execute(sa.insert(rights).values(revision=1))


def downgrade() -> None:
    """Drop the tables and all they hold. Fails where two access units of a collection hold one study."""
    for table in ("study", "series"):
        op.drop_index(f"{table}_draft", table)
        _index_live(table)
    op.drop_column("study", "access_unit_id")
    op.drop_column("series", "size")
    for table in TABLES:
        op.drop_table(table)
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION audit_refuse")
    for name in ("hidden", "embargo_until", "tier", "site_id"):
        op.drop_column("access_unit", name)
    op.drop_table("site")
    for name in ("changed_at", "revision", "record", "doi", "licence", "kind"):
        op.drop_column("collection", name)


def _extend_collections() -> None:
    then = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
    # On SQLite a text would stay one in a column of bytes.
    empty = sa.text("X'7B7D'" if op.get_bind().dialect.name == "sqlite" else "'{}'")
    for added in (
        _text("kind", server_default="collection"),
        _text("licence", server_default=""),
        _text("doi", server_default=""),
        _column("record", BYTES, server_default=empty),
        _column("revision", sa.Integer(), server_default="1"),
        _column("changed_at", MOMENT, server_default=then),
    ):
        op.add_column("collection", added)
    op.create_table(
        "collection_term",
        _id(),
        _to("collection", index=True),
        *map(_text, ("field", "scheme", "code", "text")),
    )
    op.create_table(
        "analysis_source",
        _column("analysis_result_id", KEY, sa.ForeignKey("collection.id"), primary_key=True),
        _column("collection_id", KEY, sa.ForeignKey("collection.id"), primary_key=True, index=True),
    )
    op.create_table(
        "site",
        _id(),
        _to("collection"),
        *map(_text, ("slug", "name")),
        _column("expected_studies", sa.Integer(), nullable=True),
        sa.UniqueConstraint("collection_id", "slug", name="site_once"),
    )
    for added in (
        _column("site_id", KEY, nullable=True),
        _text("tier", server_default="private"),
        _column("embargo_until", sa.Date(), nullable=True),
        _column("hidden", sa.Boolean(), server_default=sa.true()),
    ):
        op.add_column("access_unit", added)


def _extend_studies() -> None:
    op.add_column("study", _column("access_unit_id", KEY, server_default="0"))
    op.execute(
        "UPDATE study SET access_unit_id = "
        "(SELECT min(access_unit.id) FROM access_unit WHERE access_unit.collection_id = study.collection_id)"
    )
    op.add_column("series", _column("size", KEY, server_default="0"))
    op.execute(
        "UPDATE series SET size = "
        "(SELECT coalesce(sum(instance.size), 0) FROM instance WHERE instance.series_row = series.id)"
    )
    for table in ("study", "series"):
        _index_live(table, "access_unit_id")
        _index(f"{table}_draft", table, ["submission_id", f"{table}_instance_uid"], DRAFT)


def _index_live(table: str, *more: str) -> None:
    op.drop_index(f"{table}_live", table)
    _index(f"{table}_live", table, [f"{table}_instance_uid", "collection_id", *more], LIVE)


def _index(name: str, table: str, columns: list[str], where: sa.TextClause) -> None:
    op.create_index(name, table, columns, unique=True, sqlite_where=where, postgresql_where=where)


def _create_people() -> None:
    op.create_table(
        "person",
        _id(),
        *map(_text, ("issuer", "subject", "name", "email", "password")),
        *(_column(name, sa.Boolean()) for name in ("admin", "auditor", "disabled")),
        _column("created_at", MOMENT),
        sa.UniqueConstraint("issuer", "subject", name="person_once"),
    )
    op.create_table(
        "people",
        _id(),
        _text("slug", unique=True),
        _text("name"),
        _column("created_at", MOMENT),
    )
    op.create_table(
        "people_member",
        _column("group_id", KEY, sa.ForeignKey("people.id"), primary_key=True),
        _column("person_id", KEY, sa.ForeignKey("person.id"), primary_key=True, index=True),
        _column("ends_at", MOMENT, nullable=True),
    )


def _create_rights() -> None:
    op.create_table(
        "access_grant",
        _id(),
        _text("to"),
        _to("person", nullable=True, index=True),
        _column("group_id", KEY, sa.ForeignKey("people.id"), nullable=True, index=True),
        _text("role"),
        _to("collection", index=True),
        _to("site", nullable=True),
        _column("starts_at", MOMENT),
        *(_column(name, MOMENT, nullable=True) for name in ("ends_at", "revoked_at")),
        *map(_text, ("reason", "granted_by")),
    )
    op.create_table(
        "agreement",
        _id(),
        _to("collection"),
        _column("version", sa.Integer()),
        _text("text"),
        _column("sha256", BYTES),
        _column("accept_by", MOMENT, nullable=True),
        _column("created_at", MOMENT),
        sa.UniqueConstraint("collection_id", "version", name="agreement_once"),
    )
    op.create_table(
        "request_form",
        _column("collection_id", KEY, sa.ForeignKey("collection.id"), primary_key=True),
        _column("questions", BYTES),
        _column("when_private", sa.Boolean()),
    )
    op.create_table(
        "access_request",
        _id(),
        _to("collection", index=True),
        _to("person", index=True),
        _to("agreement", nullable=True),
        _column("grant_id", KEY, sa.ForeignKey("access_grant.id"), nullable=True),
        _column("renews", KEY, sa.ForeignKey("access_request.id"), nullable=True),
        *map(_text, ("signed_as", "state")),
        *(_column(name, BYTES) for name in ("answers", "history")),
        _column("revision", sa.Integer()),
        *(_column(name, MOMENT) for name in ("created_at", "changed_at")),
        _column("submitted_at", MOMENT, nullable=True),
    )
    op.create_table(
        "share_link",
        _id(),
        _to("person", nullable=True, index=True),
        _to("collection", nullable=True),
        _column("owner", BYTES, nullable=True),
        _column("sha256", BYTES, unique=True),
        _column("within", BYTES),
        *map(_text, ("capability", "note")),
        _column("uses", sa.Integer()),
        _column("most_uses", sa.Integer(), nullable=True),
        *(_column(name, MOMENT) for name in ("created_at", "expires_at")),
        _column("revoked_at", MOMENT, nullable=True),
    )
    op.create_table(
        "token",
        _id(),
        _to("person", nullable=True, index=True),
        _to("share_link", nullable=True, index=True),
        *map(_text, ("name", "beginning")),
        _text("kind"),
        _column("owner", BYTES, nullable=True),
        _column("sha256", BYTES, unique=True),
        *(_column(name, BYTES) for name in ("scopes", "collections")),
        *(_column(name, MOMENT) for name in ("created_at", "expires_at")),
        *(_column(name, MOMENT, nullable=True) for name in ("used_at", "revoked_at")),
    )
    op.create_table("rights", _id(), _column("revision", sa.Integer()))


def _create_submissions() -> None:
    op.create_table(
        "submission",
        _id(),
        _text("key", unique=True),
        _to("collection", index=True),
        _to("access_unit"),
        _to("person", nullable=True, index=True),
        _text("state"),
        _column("opened_at", MOMENT),
    )


def _create_audit() -> None:
    op.create_table(
        "audit_entry",
        _id(),
        _text("chain"),
        _column("number", KEY),
        _column("at", MOMENT),
        *map(_text, ("who", "what")),
        _column("collection_id", KEY, nullable=True),
        *(_column(name, BYTES) for name in ("details", "digest")),
        sa.UniqueConstraint("chain", "number", name="audit_once"),
    )
    op.create_index("audit_at", "audit_entry", ["at", "id"])
    op.create_index("audit_who", "audit_entry", ["who", "at", "id"])
    op.create_index("audit_collection", "audit_entry", ["collection_id", "at", "id"])
    op.create_table(
        "audit_anchor",
        _id(),
        _text("chain"),
        _column("number", KEY),
        _column("at", MOMENT),
        *(_column(name, BYTES) for name in ("entry", "digest")),
        sa.UniqueConstraint("chain", "number", name="anchor_once"),
    )
    op.create_table(
        "usage",
        _column("collection_id", KEY, primary_key=True, autoincrement=False),
        *(_text(name, primary_key=True) for name in ("month", "who", "act")),
        *(_column(name, KEY) for name in ("requests", "instances", "bytes")),
    )
    for statement in _KEEPING[op.get_bind().dialect.name]:
        op.execute(statement)


#: Nobody changes or deletes what the audit holds. On SQLite an insert that replaces would delete unseen.
_REFUSE = "SELECT RAISE(ABORT, 'The audit is append-only.')"
_KEPT = ("audit_entry", "audit_anchor")
_TAKEN = "id = NEW.id OR (chain = NEW.chain AND number = NEW.number)"
_KEEPING = {
    "sqlite": [
        f"CREATE TRIGGER {table}_{what}_refused BEFORE {what} ON {table} BEGIN {_REFUSE}{where}; END"
        for table in _KEPT
        for what, where in (("UPDATE", ""), ("DELETE", ""), ("INSERT", f" FROM {table} WHERE {_TAKEN}"))
    ],
    "postgresql": [
        "CREATE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'The audit is append-only.'; END $$",
        *(
            f"CREATE TRIGGER {table}_refused BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
            "EXECUTE FUNCTION audit_refuse()"
            for table in _KEPT
        ),
    ],
}


def _column(name: str, type_: Any, *options: Any, nullable: bool = False, **more: Any) -> sa.Column[Any]:
    return sa.Column(name, type_, *options, nullable=nullable, **more)


def _text(name: str, **more: Any) -> sa.Column[Any]:
    return _column(name, TEXT, **more)


def _id() -> sa.Column[Any]:
    return _column("id", KEY, primary_key=True)


def _to(table: str, **more: Any) -> sa.Column[Any]:
    return _column(f"{table}_id", KEY, sa.ForeignKey(f"{table}.id"), **more)
