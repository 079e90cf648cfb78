"""STOW-RS (PS3.18 section 10.5): instances become objects, then rows, and only then an answer.

Instances are described, checked and stored durably a few at a time, while the next ones still arrive; one
transaction for the whole request makes them visible. A bad instance is a result, not an error, and never
sinks the others. Whatever happens, at most objects without a row are left, never a row without its object.
"""

import asyncio
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import AsyncExitStack, aclosing, contextmanager, suppress
from dataclasses import dataclass, replace

from app.archive import Archive
from app.dicom import validation
from app.dicom.describe import describe
from app.dicom.store_response import Failed, Outcome, Stored
from app.errors import Forbidden, InvalidInstance, StoreUnavailable
from app.index import writer
from app.index.writer import Entry, Place
from app.services.root import Root
from app.services.uploads import Arrival
from app.storage import keys
from app.storage.spool import Spool
from app.threads import in_thread

#: What is described and stored together: a thread and a disk have less to do for each then.
TOGETHER = 16
BYTES_TOGETHER = 6 << 20
#: Such batches of one request at once: one is described while the other waits for the disk.
TURNS = 2


@dataclass(frozen=True, slots=True)
class Treated:
    """An instance that was changed on its way in: `source` tells what it was (`Instance.source`)."""

    spool: Spool
    source: bytes | None = None
    coerced: bool = False


#: What can come: instances, and outcomes of what needs no storing.
Coming = Arrival | Treated | Stored
#: Instances by their place in the request.
Batch = dict[int, Treated]


@dataclass(frozen=True, slots=True)
class Kept:
    """An instance whose bytes are stored, and whose row waits for the transaction."""

    entry: Entry
    stored: Stored
    key: str


async def store(into: Root, study: str | None, arriving: AsyncGenerator[Coming]) -> list[Outcome]:
    """Store what arrives at the place of this root (`roots.destination`); one outcome for each instance, in
    order of arrival.

    `study` is the UID in the request's address, which every instance must then have. Each spool is finished;
    it is discarded here. Raises Forbidden, StoreUnavailable, DatabaseUnavailable, and what `arriving` does:
    then nothing was stored.
    """
    if into.place is None:
        raise Forbidden("Nothing can be stored here.")
    intake = _Intake(into.archive, into.place, _Rules(study, into.results_only))
    try:
        await intake.take(arriving)
    except BaseException:
        await intake.drop(intake.kept())
        raise
    return await intake.commit()


@dataclass(frozen=True, slots=True)
class _Rules:
    """What this request may store: instances of one study, or any; images too, or results alone."""

    study: str | None
    results_only: bool


class _Intake:
    """One request's instances on their way in."""

    def __init__(self, archive: Archive, place: Place, rules: _Rules) -> None:
        self._archive = archive
        self._place = place
        self._rules = rules
        self._results: list[Kept | Outcome | None] = []
        self._first: dict[tuple[str, str], tuple[int, Entry]] = {}

    async def take(self, arriving: AsyncGenerator[Coming]) -> None:
        """Take every instance, several at once."""
        turns = asyncio.Semaphore(TURNS)
        with _plain_errors():
            async with AsyncExitStack() as spools, aclosing(arriving), asyncio.TaskGroup() as tasks:
                batch: Batch = {}
                async for arrival in arriving:
                    if isinstance(arrival, Failed | Stored):
                        self._results.append(arrival)
                        continue
                    treated = arrival if isinstance(arrival, Treated) else Treated(arrival)
                    # Also where its task is cancelled before it begins.
                    spools.push_async_callback(treated.spool.discard)
                    batch[len(self._results)] = treated
                    self._results.append(None)
                    if _is_full(batch):
                        await turns.acquire()
                        tasks.create_task(self._take_batch(batch, turns))
                        batch = {}
                if batch:
                    await self._keep(batch)

    async def _take_batch(self, batch: Batch, turns: asyncio.Semaphore) -> None:
        try:
            await self._keep(batch)
            for treated in batch.values():
                await treated.spool.discard()
        finally:
            turns.release()

    async def _keep(self, batch: Batch) -> None:
        async with self._archive.examining:
            examined = await in_thread(_examine_all, list(batch.values()), self._rules)
        results = dict(zip(batch, await self._without_known(examined), strict=True))
        fresh = {place: kept for place, kept in results.items() if isinstance(kept, Kept)}
        if fresh:
            objects = [(kept.key, batch[place].spool.finish_here()) for place, kept in fresh.items()]
            await self._archive.store.put_all(objects)
        for place, result in results.items():
            self._results[place] = self._short(place, result) if isinstance(result, Kept) else result

    def _short(self, place: int, kept: Kept) -> Kept:
        """The instance, without what the first one of its series says already."""
        series = kept.entry.study, kept.entry.series
        before, first = self._first.setdefault(series, (place, kept.entry))
        if before < place:
            return replace(kept, entry=kept.entry.short(first))
        self._first[series] = place, kept.entry
        return kept

    async def _without_known(self, examined: list[Kept | Failed]) -> list[Kept | Outcome]:
        """The same, with their outcomes for those that the place holds already."""
        uids = [each.entry.instance for each in examined if isinstance(each, Kept)]
        if not uids:
            return list(examined)
        held = await self._archive.database.lookup(
            lambda connection: writer.existing(connection, self._place, uids)
        )
        return [
            _known(each, held.get(each.entry.instance)) if isinstance(each, Kept) else each
            for each in examined
        ]

    def kept(self) -> list[Kept]:
        """Those whose objects are stored by now."""
        return [result for result in self._results if isinstance(result, Kept)]

    async def commit(self) -> list[Outcome]:
        """Make the rows. Where that fails the objects stay: perhaps the rows were committed after all."""
        kept = self.kept()
        judged = await self._upsert([each.entry for each in kept])
        pairs = list(zip(kept, judged, strict=True))
        await self.drop([each for each, verdict in pairs if verdict is not writer.Outcome.STORED])
        verdicts = iter(pairs)
        return [
            _outcome(*next(verdicts)) if isinstance(result, Kept) else result
            for result in self._results
            if result is not None
        ]

    async def _upsert(self, entries: list[Entry]) -> list[writer.Outcome]:
        if not entries:
            return []
        return await self._archive.database.write(
            lambda connection: writer.upsert(connection, self._place, entries)
        )

    async def drop(self, unwanted: list[Kept]) -> None:
        """Delete objects that no row will name; where the store fails, a sweep does that."""
        with suppress(StoreUnavailable):
            for each in unwanted:
                await self._archive.store.delete(each.key)


def _is_full(batch: Batch) -> bool:
    return len(batch) == TOGETHER or sum(treated.spool.size for treated in batch.values()) >= BYTES_TOGETHER


def _known(kept: Kept, digest: bytes | None) -> Kept | Outcome:
    """The instance, or its outcome where its place holds one of this digest under its UID."""
    if digest is None:
        return kept
    same = digest == kept.entry.sha256
    return _outcome(kept, writer.Outcome.IDENTICAL if same else writer.Outcome.CONFLICT)


def _examine_all(batch: Sequence[Treated], rules: _Rules) -> list[Kept | Failed]:
    return [_examine(treated, rules) for treated in batch]


def _examine(treated: Treated, rules: _Rules) -> Kept | Failed:
    """Everything that can be known of an instance before it is stored. Runs in a thread."""
    spooled, key = treated.spool.finish_here(), keys.fresh()
    try:
        description = describe(treated.spool.view())
    except InvalidInstance as reason:
        return Failed(validation.CANNOT_UNDERSTAND, reason.detail)
    resource = description.resource
    refusal = validation.check(description, rules.study, results_only=rules.results_only)
    if refusal:
        return Failed(
            refusal.failure_reason,
            refusal.comment,
            description.sop_class_uid,
            resource.instance,
            refusal.tag,
        )
    warning = validation.ODD if description.warnings else None
    warning = validation.COERCED if treated.coerced else warning
    stored = Stored(resource, description.sop_class_uid, warning, description.warnings)
    entry = Entry.of(description, key, spooled.size, spooled.sha256, spooled.crc32, treated.source)
    return Kept(entry, stored, key)


def _outcome(kept: Kept, judged: writer.Outcome) -> Outcome:
    if judged not in _FAILURES:
        return kept.stored
    reason, comment = _FAILURES[judged]
    return Failed(reason, comment, kept.stored.sop_class_uid, kept.stored.resource.instance)


_FAILURES = {
    writer.Outcome.CONFLICT: (
        validation.DUPLICATE,
        "Other content is stored under this SOP Instance UID; nothing was changed.",
    ),
    writer.Outcome.MISMATCH: (
        validation.DOES_NOT_MATCH,
        "The series is stored as part of another study; nothing was changed.",
    ),
}


@contextmanager
def _plain_errors() -> Iterator[None]:
    """What a task group raises is a group, even of one: give the first of them."""
    try:
        yield
    except BaseExceptionGroup as group:
        error: BaseException = group
        while isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        raise error from None
