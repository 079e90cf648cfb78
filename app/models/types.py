"""Column types that behave alike on SQLite and PostgreSQL."""

from datetime import UTC, datetime
from secrets import randbits
from threading import Lock
from typing import Any

from sqlalchemy import BigInteger, DateTime, Dialect, Integer, LargeBinary, Text, TypeDecorator

#: Text compared and sorted byte by byte on both databases, so that ranges, prefixes and orders agree.
ByteText = Text().with_variant(Text(collation="C"), "postgresql")
#: A 64-bit key that SQLite still recognises as its rowid.
Key = BigInteger().with_variant(Integer(), "sqlite")
Bytes = LargeBinary


class UtcDateTime(TypeDecorator[datetime]):
    """A moment in UTC, read back with its zone (SQLite keeps none)."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        return value.astimezone(UTC) if value else value

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        moment: datetime | None = value
        return moment.replace(tzinfo=UTC) if moment and moment.tzinfo is None else moment


#: Keys that callers see count from here.
_BEGAN = datetime(2026, 1, 1, tzinfo=UTC)


_LAST, _TURN = [0], Lock()


def telling_nothing() -> int:
    """A key that callers may see: it says when its row was made, and not how many there are. 53 bits.

    Those of one process grow, whatever its clock does.
    """
    milliseconds = int((now() - _BEGAN).total_seconds() * 1000)
    with _TURN:
        _LAST[0] = max(milliseconds << 12 | randbits(12), _LAST[0] + 1 + randbits(8)) & (1 << 53) - 1
        return _LAST[0]


def now() -> datetime:
    """This moment, in UTC."""
    return datetime.now(UTC)
