"""Who looked at what: counted in memory for a minute at most, and summed by month in the database."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import Connection, case, func, select, text

from app.access.callers import Caller
from app.registry.tables import USAGE

#: Where something lies, as the request named it: what kind of name, and the name. None is the archive.
Place = tuple[str, str] | None
#: So many different sums are kept at most; beyond them places are not told apart.
MOST = 10_000
VIEW, DOWNLOAD = "view", "download"


class Key(NamedTuple):
    """What is counted together: `act` is a kind of request, `status` its outcome (`2xx`, `403`, `left`)."""

    who: str
    using: str
    act: str
    status: str
    place: Place


@dataclass(slots=True)
class Sum:
    """Requests, whole instances given or taken, bytes of bodies; `caller` is one of those who sent them."""

    caller: Caller
    requests: int = 0
    instances: int = 0
    bytes: int = 0

    @property
    def counts(self) -> dict[str, int]:
        """The three, by their names."""
        return {"requests": self.requests, "instances": self.instances, "bytes": self.bytes}

    def add(self, requests: int, instances: int, size: int) -> None:
        """Count more."""
        self.requests += requests
        self.instances += instances
        self.bytes += size


class Views:
    """What one process has answered since it was last written down. A request costs it one sum in a dict."""

    def __init__(self) -> None:
        self._sums: dict[tuple[str, str, str, str, Place], Sum] = {}

    def count(self, caller: Caller, act: str, status: str, place: Place, instances: int, size: int) -> None:
        """Count one request."""
        found = self._sum(caller, (caller.name, caller.using, act, status, place))
        found.requests += 1
        found.instances += instances
        found.bytes += size

    def take(self) -> dict[Key, Sum]:
        """All that was counted; from here on the count begins anew."""
        taken, self._sums = self._sums, {}
        return {Key(*key): each for key, each in taken.items()}

    def give_back(self, taken: Mapping[Key, Sum]) -> None:
        """Count again what could not be written down."""
        for key, each in taken.items():
            self._sum(each.caller, key).add(each.requests, each.instances, each.bytes)

    def _sum(self, caller: Caller, key: tuple[str, str, str, str, Place]) -> Sum:
        found = self._sums.get(key)
        if found is None:
            if len(self._sums) >= MOST:
                key = *key[:-1], None
            found = self._sums.setdefault(key, Sum(caller))
        return found


@dataclass(frozen=True, slots=True)
class Usage:
    """What was done in a collection in a month, by one caller or (`who` None) by all."""

    month: str
    who: str | None
    views: int
    downloads: int
    instances: int
    bytes: int


def add(connection: Connection, rows: Iterable[Mapping[str, Any]]) -> None:
    """Add to the sums of months. In one order: others who add wait, and none for each other."""
    ordered = sorted(rows, key=lambda row: [row[name] for name in _KEY])
    if ordered:
        connection.execute(_ADD, ordered)


def months(connection: Connection, collection: int, before: str, limit: int) -> list[Usage]:
    """The newest months before this one in which anything was done in the collection, with their sums."""
    rows = select(USAGE.c.month, *_SUMS).where(USAGE.c.collection_id == collection)
    if before:
        rows = rows.where(USAGE.c.month < before)
    found = connection.execute(rows.group_by(USAGE.c.month).order_by(USAGE.c.month.desc()).limit(limit))
    return [Usage(month, None, *map(int, sums)) for month, *sums in found]


def people(connection: Connection, collection: int, of: Sequence[str]) -> list[Usage]:
    """The same of these months, for each caller by name."""
    rows = select(USAGE.c.month, USAGE.c.who, *_SUMS).where(
        USAGE.c.collection_id == collection, USAGE.c.month.in_(of)
    )
    found = connection.execute(rows.group_by(USAGE.c.month, USAGE.c.who).order_by(USAGE.c.month, USAGE.c.who))
    return [Usage(month, who, *map(int, sums)) for month, who, *sums in found]


def _of(act: str, column: Any) -> Any:
    return func.sum(case((USAGE.c.act == act, column), else_=0))


_KEY = ("collection_id", "month", "who", "act")
_SUMS = (
    _of(VIEW, USAGE.c.requests),
    _of(DOWNLOAD, USAGE.c.requests),
    _of(DOWNLOAD, USAGE.c.instances),
    func.sum(USAGE.c.bytes),
)
_ADD = text(
    "INSERT INTO usage (collection_id, month, who, act, requests, instances, bytes) "
    "VALUES (:collection_id, :month, :who, :act, :requests, :instances, :bytes) "
    "ON CONFLICT (collection_id, month, who, act) DO UPDATE SET "
    "requests = usage.requests + excluded.requests, instances = usage.instances + excluded.instances, "
    "bytes = usage.bytes + excluded.bytes"
)
