"""Whole cohorts to take away: everything in one ZIP file, and a table of what there is.

Beyond the standard, at the home of a DICOMweb root (beside `dicom-web`), and below it for a study or series.
"""

from collections.abc import AsyncIterator
from typing import Any, get_args

from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse

from app.dicom.resource import Resource
from app.errors import InvalidRequest
from app.routers.api import problems
from app.routers.attended import attended
from app.routers.below_root import RootRoute
from app.routers.dependencies import ARoot, get_ask
from app.routers.responses import CACHING, PlanResponse
from app.routers.wado import address
from app.services import digest, download
from app.services.digest import Level
from app.services.forms import ZIP
from app.services.root import Root

#: What stands below a root, and what at the home of one.
router = APIRouter(tags=["Downloads"], route_class=RootRoute)
home = APIRouter(tags=["Downloads"], route_class=RootRoute)

CSV = "text/csv; charset=utf-8"
ZIPPED: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Folders by study and series, with LICENSE.txt, CITATION.txt and checksums.sha256",
        "content": {ZIP: {"schema": {"type": "string", "format": "binary"}}},
    },
    206: {"description": "The range that Range asked for"},
    304: {"description": "The client holds the current state"},
    416: {"description": "The range lies outside"},
    **problems(400, 401, 403, 404),
}
TABLE: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "A line for each series, or for each instance",
        "content": {CSV: {"schema": {"type": "string"}, "example": digest.EXAMPLE}},
    },
    **problems(400, 401, 404),
}
ASKED = {
    "parameters": [
        {
            "name": "level",
            "in": "query",
            "schema": {"type": "string", "enum": list(get_args(Level)), "default": "series"},
            "description": "What each line is of",
        }
    ]
}


@router.get("/studies/{study}/archive.zip", responses=ZIPPED)
async def study_zip(request: Request, root: ARoot, study: str) -> Response:
    """Download a study as one ZIP file."""
    return await _zip(request, root, address(study))


@router.get("/studies/{study}/series/{series}/archive.zip", responses=ZIPPED)
async def series_zip(request: Request, root: ARoot, study: str, series: str) -> Response:
    """Download a series as one ZIP file."""
    return await _zip(request, root, address(study, series))


@home.get("/archive.zip", responses=ZIPPED)
async def cohort_zip(request: Request, root: ARoot) -> Response:
    """Download everything that is here for you as one ZIP file."""
    return await _zip(request, root, Resource())


@router.get("/studies/{study}/metadata.csv", responses=TABLE, openapi_extra=ASKED)
async def study_table(request: Request, root: ARoot, study: str) -> Response:
    """List the series or instances of a study as a table."""
    return await _table(request, root, address(study))


@router.get("/studies/{study}/series/{series}/metadata.csv", responses=TABLE, openapi_extra=ASKED)
async def series_table(request: Request, root: ARoot, study: str, series: str) -> Response:
    """List a series or its instances as a table."""
    return await _table(request, root, address(study, series))


@home.get("/metadata.csv", responses=TABLE, openapi_extra=ASKED)
async def cohort_table(request: Request, root: ARoot) -> Response:
    """List the series or instances of everything that is here for you as a table."""
    return await _table(request, root, Resource())


async def _zip(request: Request, root: Root, resource: Resource) -> Response:
    plan = await attended(request, root, download.archive_zip(root, resource, get_ask(request)))
    return PlanResponse(plan, request)


async def _table(request: Request, root: Root, resource: Resource) -> Response:
    asked = request.query_params.get("level", "series")
    level = next((each for each in get_args(Level) if each == asked), None)
    if level is None:
        raise InvalidRequest(f"`level` is one of {', '.join(get_args(Level))}.")
    lines = await digest.table(root, resource, level)
    if request.method == "HEAD":
        # Its length is known only to who makes it.
        lines = _none()
    name = f"{download.filename(root, resource)}-{level}.csv"
    head = {**CACHING, "Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(lines, headers=head, media_type=CSV)


async def _none() -> AsyncIterator[bytes]:
    return
    yield
