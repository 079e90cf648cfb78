"""Whether the audit is as it was written: every digest made again, every gap found. It changes nothing."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import orjson
from sqlalchemy import Connection, text

from app.registry import audit

#: Rows read at once.
BATCH = 5_000


class Anchor(NamedTuple):
    """One anchor, with the values as the driver gives them: whoever changed them may have left anything."""

    id: Any
    chain: Any
    number: Any
    at: Any
    entry: Any
    digest: Any

    def export(self) -> dict[str, Any]:
        """The anchor for somebody outside to keep, as JSON takes it."""
        given = {**self._asdict(), "at": audit.moment(self.at)}
        return {name: value.hex() if isinstance(value, bytes) else value for name, value in given.items()}


class Entry(NamedTuple):
    """One entry, with the values as the driver gives them."""

    id: Any
    chain: Any
    number: Any
    at: Any
    who: Any
    what: Any
    collection_id: Any
    details: Any
    digest: Any


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong, and with which entry of a chain, or which anchor."""

    #: `changed`, `missing`, `reordered` or `cut off`.
    kind: str
    where: str
    said: str


def anchors(connection: Connection, after: int = 0) -> list[Anchor]:
    """The anchors after this place, in their order."""
    return [Anchor(*row) for row in connection.execute(_ANCHORS, {"after": after})]


def entries(connection: Connection, after: tuple[str, int]) -> list[Entry]:
    """Some entries after this one of this chain, by chain and number."""
    chain, number = after
    rows = connection.execute(_ENTRIES, {"chain": chain, "number": number, "batch": BATCH})
    return [Entry(*row) for row in rows]


def count(connection: Connection) -> int:
    """How many entries there are."""
    return int(connection.execute(_COUNT).scalar_one())


def check_anchors(found: Iterable[Anchor]) -> Iterator[Finding]:
    """What is wrong with the anchors' own chain."""
    place, before = 0, b""
    for each in found:
        where = f"anchor {each.id}"
        if each.id != place + 1:
            yield Finding("missing", _span("anchor", place + 1, each.id - 1), "the anchors next to it remain")
        elif audit.digest(before, each[:-1]) != each.digest:
            yield Finding("changed", where, "its digest does not follow from the anchor before it")
        place, before = each.id, _bytes(each.digest)


def check_kept(kept: Iterable[dict[str, Any]], found: Iterable[Anchor]) -> Iterator[Finding]:
    """What is wrong with the anchors, compared with those that somebody outside has kept."""
    here = {each.id: each.export() for each in found}
    for each in kept:
        if (mine := here.get(each["id"])) != each:
            kind = "changed" if mine else "missing"
            yield Finding(kind, f"anchor {each['id']}", "it is not the one that was kept outside")


@dataclass(slots=True)
class Check:
    """Takes every entry, by chain and number, and says what is wrong with it.

    `marks` is what anchors say: the digest of a chain's entry by its number.
    """

    marks: dict[str, dict[int, bytes]]
    #: What beginnings say: the digest of an anchor by its place.
    named: dict[int, str] = field(default_factory=dict)
    _last: Entry | None = None

    def take(self, entry: Entry) -> Iterator[Finding]:
        """What is wrong with this entry, or between it and the one before."""
        last = self._last
        if last is None or last.chain != entry.chain:
            yield from self._close()
            last = None
        self._last = entry
        yield from self._follows(last, entry)
        marked = self.marks.get(entry.chain, {}).pop(entry.number, None)
        if marked is not None and marked != entry.digest:
            yield Finding("changed", _name(entry), "an anchor has another digest: it, or entries before it")
        if entry.what == audit.BEGUN:
            self._remember(entry)

    def end(self) -> Iterator[Finding]:
        """What is missing where no entry is left."""
        yield from self._close()
        for chain in sorted(self.marks, key=str):
            if self.marks[chain]:
                said = f"anchors name entries up to {max(self.marks[chain])}"
                yield Finding("cut off", f"chain {chain}", said)

    def _follows(self, last: Entry | None, entry: Entry) -> Iterator[Finding]:
        number, before = (last.number, _bytes(last.digest)) if last else (0, b"")
        if entry.number != number + 1:
            span = _span(f"chain {entry.chain} entry", number + 1, entry.number - 1)
            yield Finding("missing", span, "the entries next to it remain")
        elif audit.digest(before, entry[1:-1]) != entry.digest:
            yield Finding("changed", _name(entry), "its digest does not follow from the entry before it")
        if last and entry.id <= last.id:
            yield Finding("reordered", _name(entry), "it was written before the entry that it follows")

    def _close(self) -> Iterator[Finding]:
        if self._last is None:
            return
        chain, number = self._last.chain, self._last.number
        left = self.marks.pop(chain, {})
        if left and max(left) > number:
            said = f"anchors name entries up to {max(left)}"
            yield Finding("cut off", f"chain {chain} after entry {number}", said)

    def _remember(self, entry: Entry) -> None:
        try:
            told = orjson.loads(entry.details)
            if "anchor" in told:
                self.named[int(told["anchor"])] = str(told["digest"])
        except (TypeError, ValueError, KeyError):
            return  # its digest is wrong, and that was said


def marks(found: Iterable[Anchor]) -> dict[str, dict[int, bytes]]:
    """What the anchors say of each chain."""
    told: dict[str, dict[int, bytes]] = {}
    for each in found:
        told.setdefault(each.chain, {})[each.number] = each.entry
    return told


def check_named(named: dict[int, str], found: Iterable[Anchor]) -> Iterator[Finding]:
    """What is wrong with the anchors that the beginnings of chains name."""
    here = {each.id: _bytes(each.digest).hex() for each in found}
    for place, digest in sorted(named.items()):
        if here.get(place) != digest:
            kind = "changed" if place in here else "missing"
            yield Finding(kind, f"anchor {place}", "a chain that began after it names it")


def _name(entry: Entry) -> str:
    return f"chain {entry.chain} entry {entry.number}"


def _span(what: str, first: int, last: int) -> str:
    return f"{what} {first}" if first == last else f"{what} {first} to {last}"


def _bytes(value: Any) -> bytes:
    return value if isinstance(value, bytes) else b""


# Text, not tables: a column's type would refuse to read what somebody wrote there by hand.
_ANCHORS = text("SELECT id, chain, number, at, entry, digest FROM audit_anchor WHERE id > :after ORDER BY id")
_ENTRIES = text(
    "SELECT id, chain, number, at, who, what, collection_id, details, digest FROM audit_entry "
    "WHERE (chain, number) > (:chain, :number) ORDER BY chain, number LIMIT :batch"
)
_COUNT = text("SELECT count(*) FROM audit_entry")
