"""What changed between versions of collections, and the feed of changes."""

from collections.abc import AsyncIterator
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import StreamingResponse

from app.errors import InvalidRequest
from app.index.changes import START, Cursor
from app.routers.addresses import public_url
from app.routers.api import PREFIX, After, Limit, Page, problems
from app.routers.dependencies import ACaller, AnArchive
from app.routers.representations import send
from app.routers.version_models import ChangeOut, FedOut, InstancesOut, change_out, instances_out
from app.routers.words import Number
from app.services import changes
from app.services.changes import Step
from app.wire import csv_out

router = APIRouter(prefix=PREFIX, tags=["changes"])

_Since = Annotated[int, Query(alias="from", ge=0, le=2**31 - 1, description="0: before the first version")]
_Until = Annotated[int | None, Query(alias="to", ge=0, le=2**31 - 1, description="The latest by default")]


@router.get(
    "/collections/{collection}/versions/{version}/changes",
    response_model=Page[ChangeOut],
    responses=problems(400, 401, 404),
)
async def version_changes(
    request: Request,
    archive: AnArchive,
    caller: ACaller,
    collection: str,
    version: Number,
    after: After = "",
    limit: Limit = 100,
) -> Response:
    """List the series that a version added, replaced or withdrew, of those that you may find."""
    return send(request, await _changes(archive, caller, collection, version - 1, version, after, limit))


@router.get(
    "/collections/{collection}/versions/{version}/changes/{series}",
    response_model=Page[InstancesOut],
    responses=problems(400, 401, 404),
)
async def series_changes(
    request: Request, archive: AnArchive, caller: ACaller, collection: str, version: Number, series: str
) -> Response:
    """Tell what became of each instance of a series, and which attributes of replaced ones differ."""
    span = version - 1, version
    found = await changes.of_series(archive, caller, collection, *span, series.replace("\0", "?"))
    return send(request, Page[InstancesOut](items=[instances_out(*each) for each in found]))


@router.get(
    "/collections/{collection}/diff", response_model=Page[ChangeOut], responses=problems(400, 401, 404)
)
async def diff(
    request: Request,
    archive: AnArchive,
    caller: ACaller,
    collection: str,
    since: _Since,
    until: _Until = None,
    after: After = "",
    limit: Limit = 100,
) -> Response:
    """List the series that differ between two versions, of those that you may find."""
    return send(request, await _changes(archive, caller, collection, since, until, after, limit))


@router.get(
    "/collections/{collection}/diff.csv",
    response_class=Response,
    responses={200: {"content": {"text/csv": {"schema": {"type": "string"}}}}, **problems(400, 401, 404)},
)
async def diff_manifest(
    request: Request,
    archive: AnArchive,
    caller: ACaller,
    collection: str,
    since: _Since,
    until: _Until = None,
) -> Response:
    """Tell what to fetch and what to delete to get from one version to another, of what you may download."""
    version, steps = await changes.manifest(archive, caller, collection, since, until)
    home = f"{public_url(request, archive)}/collections/{quote(collection, safe='')}"
    root = f"{home}/versions/{version}/dicom-web"
    name = f'attachment; filename="{collection}-from-{since}.csv"'
    head = {"Content-Disposition": name, "Cache-Control": "private, no-cache"}
    return StreamingResponse(_lines(root, steps), media_type="text/csv; charset=utf-8", headers=head)


@router.get("/changes", response_model=Page[FedOut], responses=problems(400, 401))
async def feed(
    request: Request, archive: AnArchive, caller: ACaller, after: After = "", limit: Limit = 100
) -> Response:
    """List what each published version changed of what you may find, in the order of publication.

    `next` is there as long as anything is listed: keep it, and ask with it for what came since.
    """
    found = await changes.feed(archive, caller, _place(after), limit)
    items = [
        FedOut(
            **change_out(change).model_dump(),
            collection=known.slug,
            version=version.number,
            published_at=version.published_at,
        )
        for known, version, change in found
    ]
    following = after or None
    if found:
        _, version, change = found[-1]
        following = f"{version.id}/{change.series}/{change.unit}"
    return send(request, Page[FedOut](items=items, next=following))


async def _changes(
    archive: AnArchive, caller: ACaller, slug: str, since: int, until: int | None, after: str, limit: int
) -> Page[ChangeOut]:
    found = await changes.differences(archive, caller, slug, since, until, _cursor(after), limit + 1)
    more = len(found) > limit
    following = f"{found[limit - 1].series}/{found[limit - 1].unit}" if more else None
    return Page[ChangeOut](items=[change_out(each) for each in found[:limit]], next=following)


async def _lines(root: str, steps: AsyncIterator[list[Step]]) -> AsyncIterator[bytes]:
    yield csv_out.lines([("action", "study", "series", "instance", "sha256", "bytes", "url")])
    async for found in steps:
        yield csv_out.lines(_line(root, each) for each in found)


def _line(root: str, step: Step) -> tuple[str | int, ...]:
    address = f"{root}/studies/{step.study}/series/{step.series}/instances/{step.instance}"
    named = step.act, step.study, step.series, step.instance, step.sha256, step.size
    return (*named, address if step.act == "fetch" else "")


def _cursor(after: str) -> Cursor:
    series, _, unit = after.rpartition("/")
    if not after:
        return START
    if not (unit.isascii() and unit.isdigit() and len(unit) < 19) or "\0" in after:
        raise InvalidRequest("The parameter after takes what `next` gave.")
    return series, int(unit)


def _place(after: str) -> tuple[int, Cursor]:
    version, _, rest = after.partition("/")
    if not after:
        return 0, START
    if not (version.isascii() and version.isdigit() and len(version) < 19):
        raise InvalidRequest("The parameter after takes what `next` gave.")
    return int(version), _cursor(rest)
