"""Versions of collections: published, listed, described; and purging, which changes them all."""

from urllib.parse import quote

from fastapi import APIRouter, Request, Response

from app.errors import InvalidRequest
from app.routers.addresses import public_url
from app.routers.api import PREFIX, After, Limit, Page, problems
from app.routers.dependencies import ACaller, AnArchive
from app.routers.representations import send
from app.routers.version_models import AWithdrawal, NewVersion, PurgedOut, VersionOut, version_out
from app.routers.words import Number
from app.services import purges, versions

router = APIRouter(prefix=f"{PREFIX}/collections/{{collection}}", tags=["versions"])


@router.post("/versions", status_code=201, responses=problems(400, 401, 403, 404, 409))
async def publish_version(
    request: Request,
    response: Response,
    archive: AnArchive,
    caller: ACaller,
    collection: str,
    new: NewVersion,
) -> VersionOut:
    """Publish what was approved as the next version; for those who curate or own the whole collection."""
    leaving = [each.said() for each in new.withdraw]
    made = await versions.publish_version(archive, caller, collection, new.note, new.submissions, leaving)
    _, counts = await versions.one(archive, caller, collection, made.number)
    host = public_url(request, archive)
    address = f"{host}{PREFIX}/collections/{quote(collection, safe='')}/versions/{made.number}"
    response.headers["Location"] = address
    return version_out(host, collection, made, counts)


@router.get("/versions", response_model=Page[VersionOut], responses=problems(400, 401, 404))
async def list_versions(
    request: Request,
    archive: AnArchive,
    caller: ACaller,
    collection: str,
    after: After = "0",
    limit: Limit = 100,
) -> Response:
    """List the versions of a collection, the first one first."""
    found = await versions.page(archive, caller, collection, _number(after), limit + 1)
    host = public_url(request, archive)
    items = [version_out(host, collection, *each) for each in found[:limit]]
    following = str(items[-1].version) if len(found) > limit else None
    return send(request, Page[VersionOut](items=items, next=following))


@router.get(
    "/versions/{version}",
    response_model=VersionOut,
    responses=problems(400, 401, 404),
)
async def get_version(
    request: Request, archive: AnArchive, caller: ACaller, collection: str, version: Number
) -> Response:
    """Describe a version, and count what it changed."""
    found = await versions.one(archive, caller, collection, version)
    return send(request, version_out(public_url(request, archive), collection, *found))


@router.post("/purges", responses=problems(400, 401, 403, 404))
async def purge(archive: AnArchive, caller: ACaller, collection: str, wanted: AWithdrawal) -> PurgedOut:
    """Destroy a study, a series or an instance for good, in all versions, carts and drafts; owners only."""
    found = await purges.purge(archive, caller, collection, wanted.said())
    return PurgedOut(instances=found.instances, bytes=found.bytes)


def _number(after: str) -> int:
    if not (after.isascii() and after.isdigit() and len(after) < 10):
        raise InvalidRequest("The parameter after takes what `next` gave.")
    return int(after)
