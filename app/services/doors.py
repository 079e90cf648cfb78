"""De-identification at the door: what is stored into a collection with a policy is another instance by then.

What comes is spooled encrypted, with keys that are in this process alone; only when the request is whole,
and all that identifies its patients is known, does anything of it go on, de-identified. What only the
collection's key opens is durable before the rows are.
"""

from collections.abc import AsyncGenerator, Iterable
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass, field, replace

from sqlalchemy import Connection

from app.archive import Archive
from app.deid import engine
from app.deid.engine import Result, Rules
from app.deid.text import Cleaner, Identifiers, harvest
from app.dicom import part10, validation
from app.dicom.store_response import Failed, Outcome, Stored
from app.errors import Fact, InvalidInstance
from app.index import sources
from app.index.writer import Place
from app.registry import deidentification
from app.registry.deidentification import UID
from app.registry.rights import Known
from app.services import patients
from app.services import store as stores
from app.services.door import Door, open_door
from app.services.root import Root
from app.services.store import Coming, Treated
from app.services.uploads import Arrival
from app.storage.spool import Spool
from app.threads import in_thread

_STUDY, _SERIES, _INSTANCE, _SOP_CLASS = 0x0020000D, 0x0020000E, 0x00080018, 0x00080016
#: What is de-identified lies in memory twice for a moment.
LARGEST = 2 << 30


@dataclass(frozen=True, slots=True)
class _Looked:
    """An instance in its spool, and what is known of it."""

    spool: Spool
    sop_class: str
    instance: str
    patient: str
    source: bytes
    identifiers: Identifiers


@dataclass
class _Done:
    """What is to be kept of a request: identifiers that changed, and the log, by new SOP Instance UIDs."""

    uids: dict[str, str] = field(default_factory=dict)
    log: dict[str, object] = field(default_factory=dict)


async def store(
    into: Root, deidentifying: Known, study: str | None, arriving: AsyncGenerator[Arrival]
) -> list[Outcome]:
    """Store what arrives into a collection that de-identifies; `study` is as at the source.

    Raises KeyUnavailable, and what `store.store` does.
    """
    door = await open_door(into.archive, deidentifying.id, deidentifying.slug)
    return await stores.store(into, None, through(into, door, study, arriving))


async def through(
    into: Root, door: Door, study: str | None, arriving: AsyncGenerator[Arrival]
) -> AsyncGenerator[Coming]:
    """What arrives, de-identified, in the order in which it came; `study` is as at the source.

    Raises what `arriving` does, StoreUnavailable and DatabaseUnavailable.
    """
    archive = into.archive
    assert into.place
    assert into.place.submission
    async with AsyncExitStack() as spools, aclosing(arriving):
        looked: list[_Looked | Failed] = []
        async for arrival in arriving:
            if isinstance(arrival, Spool):
                spools.push_async_callback(arrival.discard)
            looked.append(await _look(archive, door, study, arrival))
        instances = [each for each in looked if isinstance(each, _Looked)]
        known = await _known(archive, into.place, instances)
        harvested = ((each.patient, each.identifiers) for each in instances)
        known_patients = await patients.known(archive, door, harvested)
        done = _Done()
        cleaners = {
            patient: known_patients.rules.cleaner(patient, found)
            for patient, found in known_patients.identifiers.items()
        }
        for each in looked:
            if isinstance(each, Failed):
                yield each
            elif each.source in known:
                yield known[each.source]
            else:
                yield await _treat(archive, known_patients.rules, cleaners[each.patient], each, done)
        await _keep(archive, door, into.place.submission, done)


async def _look(archive: Archive, door: Door, study: str | None, arrival: Arrival) -> _Looked | Failed:
    if isinstance(arrival, Failed):
        return arrival
    if arrival.size > LARGEST:
        comment = f"More than {LARGEST >> 30} GiB cannot be de-identified here: do it before sending."
        return Failed(validation.CANNOT_UNDERSTAND, comment)
    spooled = await arrival.finish()
    async with archive.examining:
        return await in_thread(_seen, arrival, door.source(spooled.sha256), study)


def _seen(spool: Spool, source: bytes, study: str | None) -> _Looked | Failed:
    try:
        instance = part10.read(spool.view())
        if study is not None and instance.text(_STUDY) != study:
            return _other_study(instance)
        uids = instance.text(_SOP_CLASS), instance.text(_INSTANCE)
        known = harvest(engine.texts(instance))
        return _Looked(spool, *uids, engine.patient_of(instance), source, known)
    except InvalidInstance as fact:
        return Failed(validation.CANNOT_UNDERSTAND, fact.detail)


def _other_study(instance: part10.Part10) -> Failed:
    comment = "The instance is of another study than the address names."
    uids = instance.text(_SOP_CLASS), instance.text(_INSTANCE)
    return Failed(validation.DOES_NOT_MATCH, comment, *uids, _STUDY)


async def _known(archive: Archive, place: Place, instances: Iterable[_Looked]) -> dict[bytes, Stored]:
    """The answers for what came before and is there still."""
    wanted = [each.source for each in instances]
    found = await archive.database.lookup(lambda connection: sources.find(connection, place, wanted))
    return {
        source: Stored(resource, sop_class, validation.COERCED)
        for source, (resource, sop_class) in found.items()
    }


async def _treat(archive: Archive, rules: Rules, cleaner: Cleaner, looked: _Looked, done: _Done) -> Coming:
    try:
        async with archive.examining:
            treated = await in_thread(_treated, rules, cleaner, looked)
    except Fact as fact:
        return Failed(validation.CANNOT_UNDERSTAND, fact.detail, looked.sop_class, looked.instance)
    written = archive.spools.open()
    try:
        await written.write_all(treated.chunks)
        await written.finish()
    except BaseException:
        await written.discard()
        raise
    finally:
        await looked.spool.discard()
    done.uids |= treated.uids
    done.log[treated.instance] = logged(treated)
    return Treated(written, looked.source, coerced=bool(treated.uids))


def _treated(rules: Rules, cleaner: Cleaner, looked: _Looked) -> Result:
    whole = looked.spool.view()
    instance = part10.read(whole)
    result = engine.deidentify(instance, rules, cleaner)
    if not engine.is_removed(instance) or rules.policy.again:
        return result
    if left := engine.left_over(result, rules.identities):
        raise InvalidInstance(f"It says that it is de-identified, but has {', '.join(left[:10])}.")
    return replace(
        result, chunks=iter((memoryview(whole),)), instance=instance.text(_INSTANCE), uids={}, changes=[]
    )


def logged(result: Result) -> dict[str, object]:
    """What the log says of an instance."""
    return {
        "changes": [list(change) for change in result.changes],
        "questions": list(result.questions),
        "unknown": sorted(result.unknown),
    }


async def _keep(archive: Archive, door: Door, submission: int, done: _Done) -> None:
    seal = door.seal
    pairs = {seal.lookup(UID, old): seal.close([old, new], UID) for old, new in done.uids.items()}

    def write(connection: Connection) -> None:
        deidentification.put(connection, door.collection, UID, pairs, anew=False)
        deidentification.log(connection, submission, door.policy.digest, done.log)

    if done.log:
        await archive.database.write(write)
