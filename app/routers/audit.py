"""Who did what: `/api/v1/audit`, and how a collection is used."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

import orjson
from fastapi import APIRouter, Depends, Query, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field

from app.errors import InvalidRequest
from app.registry.audit_log import Cursor, Entry, Wanted
from app.registry.views import Usage
from app.routers.api import PREFIX, After, Limit, Page, problems
from app.routers.dependencies import ACaller, AnArchive
from app.routers.responses import CACHING
from app.services import audit
from app.wire import csv_out

router = APIRouter(prefix=PREFIX, tags=["audit"])

CSV = "text/csv; charset=utf-8"
COLUMNS = ("at", "who", "what", "collection", "details", "chain", "number", "digest")
_MONTH = r"^[0-9]{4}-(0[1-9]|1[0-2])$|^$"
_NO_NUL = r"^[^\x00]*$"


class Told(BaseModel):
    """One entry. `digest` is made of the entry and of the digest of the one before it in its chain."""

    at: datetime = Field(examples=["2026-03-01T12:00:00.123456Z"])
    who: str = Field(examples=["owner"])
    what: str = Field(examples=["grant.create"], description="`views` sums up a minute of requests")
    collection: str | None = Field(examples=["inbox"], description="Null also where you may not know of it")
    details: dict[str, Any] = Field(examples=[{"role": "reader"}])
    chain: str = Field(examples=["9f86d081884c7d65"], description="One for each process")
    number: int = Field(examples=[2], description="Its place in the chain, from 1")
    digest: str = Field(examples=["ab" * 32], description="SHA-256")


class Used(BaseModel):
    """What was done, in numbers."""

    views: int = Field(examples=[120], description="Requests for frames, pictures and bulk data")
    downloads: int = Field(examples=[3], description="Requests for whole instances, series and studies")
    instances: int = Field(examples=[340], description="Instances that were sent whole")
    bytes: int = Field(examples=[178257920], description="Bytes sent")


class UsedBy(Used):
    """The same, of one caller."""

    who: str = Field(examples=["owner"])


class Month(Used):
    """What was done in a collection in a month; `people` only for its owners."""

    month: str = Field(examples=["2026-03"])
    people: list[UsedBy] | None = Field(default=None)


async def _wanted(
    who: Annotated[str | None, Query(max_length=500, pattern=_NO_NUL, examples=["owner"])] = None,
    what: Annotated[str | None, Query(max_length=100, pattern=_NO_NUL, examples=["grant.create"])] = None,
    since: Annotated[
        datetime | None, Query(alias="from", description="The first moment that counts (UTC unless it says)")
    ] = None,
    until: Annotated[
        datetime | None, Query(alias="to", description="The first moment that does not count")
    ] = None,
) -> Wanted:
    """What is asked for. Raises InvalidRequest."""
    return Wanted(who=who, what=what, since=_utc(since), until=_utc(until))


_ACollection = Annotated[str | None, Query(description="Only this collection's", examples=["inbox"])]
_CSV_TOO: dict[int | str, dict[str, Any]] = {
    200: {"description": "Entries, the newest first", "content": {CSV: {"schema": {"type": "string"}}}}
}


@router.get("/audit", response_model=Page[Told], responses={**problems(400, 401, 403, 404), **_CSV_TOO})
async def list_entries(
    archive: AnArchive,
    caller: ACaller,
    wanted: Annotated[Wanted, Depends(_wanted)],
    collection: _ACollection = None,
    after: After = "",
    limit: Limit = 100,
    format: Annotated[  # noqa: A002 (so the parameter is called)
        Literal["json", "csv"], Query(description="As CSV it is all of them: no limit, no next")
    ] = "json",
) -> Response:
    """List who did what, the newest first.

    Auditors and administrators see everything, owners what is about their collections, everyone what they
    did themselves.
    """
    before = _cursor(after) if after else None
    one_more = 0 if format == "csv" else limit + 1
    found, names = await audit.entries(archive, caller, wanted, collection, before, one_more)
    if format == "csv":
        rows = _csv(audit.every_entry(archive, caller, wanted, collection))
        head = {**CACHING, "Content-Disposition": 'attachment; filename="audit.csv"'}
        return StreamingResponse(rows, headers=head, media_type=CSV)
    last = found[limit - 1] if len(found) > limit else None
    shown = Page[Told](
        items=[_told(each, names.get(each.collection_id or 0)) for each in found[:limit]],
        next=f"{_text(last.at)}~{last.id}" if last else None,
    )
    return Response(shown.model_dump_json(), headers=CACHING, media_type="application/json")


@router.get("/collections/{collection}/usage", responses=problems(400, 401, 404))
async def collection_usage(
    archive: AnArchive,
    caller: ACaller,
    collection: str,
    after: Annotated[str, Query(pattern=_MONTH, description="The `next` of the page before")] = "",
    limit: Annotated[int, Query(ge=1, le=120, description="At most so many months")] = 12,
) -> Page[Month]:
    """List by month how a collection is used, the newest month first; for its owners also by whom."""
    months, people = await audit.usage(archive, caller, collection, after, limit + 1)
    following = months[limit - 1].month if len(months) > limit else None
    return Page(items=[_month(each, people) for each in months[:limit]], next=following)


def _told(entry: Entry, collection: str | None) -> Told:
    return Told(
        at=entry.at,
        who=entry.who,
        what=entry.what,
        collection=collection,
        details=entry.details,
        chain=entry.chain,
        number=entry.number,
        digest=entry.digest.hex(),
    )


def _month(sums: Usage, people: list[Usage] | None) -> Month:
    by = [UsedBy(who=each.who or "", **_used(each)) for each in people or () if each.month == sums.month]
    return Month(month=sums.month, people=None if people is None else by, **_used(sums))


def _used(sums: Usage) -> dict[str, int]:
    return {name: getattr(sums, name) for name in Used.model_fields}


async def _csv(entries: AsyncIterator[tuple[Entry, str]]) -> AsyncIterator[bytes]:
    yield csv_out.lines([COLUMNS])
    async for entry, collection in entries:
        told = _told(entry, collection).model_dump()
        told |= {"at": _text(entry.at), "details": orjson.dumps(entry.details).decode()}
        yield csv_out.lines([[str(told[name]) for name in COLUMNS]])


def _text(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _cursor(after: str) -> Cursor:
    at, _, row = after.partition("~")
    try:
        moment = _utc(datetime.fromisoformat(at))
        assert moment
        if row.isascii() and row.isdigit() and int(row) < 1 << 63:
            return moment, int(row)
    except ValueError:
        pass
    raise InvalidRequest("The parameter `after` takes what `next` of the page before says.")


def _utc(at: datetime | None) -> datetime | None:
    """In UTC. Raises InvalidRequest where it is no moment there."""
    if at is None:
        return None
    try:
        return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
    except OverflowError:
        raise InvalidRequest("There is no such moment in UTC.") from None
