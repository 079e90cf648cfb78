"""WADO-RS: studies, series, instances, their metadata, frames and bulk data (PS3.18 section 10.4)."""

import re
from typing import Any

from fastapi import APIRouter, Request, Response

from app.dicom.resource import Resource
from app.errors import InvalidRequest
from app.routers.attended import attended
from app.routers.below_root import RootRoute
from app.routers.dependencies import ARoot, get_ask
from app.routers.documents import data_sets
from app.routers.elsewhere import sent_on
from app.routers.responses import PlanResponse
from app.services import metadata as stored
from app.services import pixel_data as pixels
from app.services import retrieve
from app.services.forms import DICOM, DICOM_JSON, DICOM_XML, ZIP
from app.services.root import Root

router = APIRouter(tags=["WADO-RS"], route_class=RootRoute)

_UID = re.compile(r"[0-9.]{1,64}")
_FRAMES = re.compile(r"[0-9]{1,9}(,[0-9]{1,9})*")
_BULKDATA = re.compile(r"[0-9A-Fa-f]{8}(/[0-9]{1,9}/[0-9A-Fa-f]{8})*")

_MULTIPART = {"schema": {"type": "string", "format": "binary"}}
_ERRORS: dict[int | str, dict[str, Any]] = {
    304: {"description": "The client holds the current state"},
    400: {"description": "The address is not understood"},
    404: {"description": "There is no such resource, or none that you may see"},
    406: {"description": "None of the acceptable media types can be sent; `offered` lists those that can"},
}
RETRIEVED: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "A part for each instance, as `transfer-syntax` in Accept asks, or all in a ZIP file",
        "content": {f'multipart/related; type="{DICOM}"': _MULTIPART, ZIP: _MULTIPART},
    },
    **_ERRORS,
}
METADATA: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The data set of each instance, as JSON or in a part of XML, bulk data by address",
        "content": {
            DICOM_JSON: {"example": [{"00080060": {"vr": "CS", "Value": ["CT"]}}]},
            f'multipart/related; type="{DICOM_XML}"': _MULTIPART,
        },
    },
    **_ERRORS,
}
BULK: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The bytes, as multipart or as a single part, as Accept asks",
        "content": {
            'multipart/related; type="application/octet-stream"': _MULTIPART,
            "application/octet-stream": _MULTIPART,
        },
    },
    206: {"description": "The range of a single part that Range asked for"},
    416: {"description": "The range lies outside"},
    **_ERRORS,
}
SENT_ON: dict[int | str, dict[str, Any]] = {
    307: {"description": "As it is stored it is fetched from Location, where the archive is set so"}
}
_INSTANCE = "/studies/{study}/series/{series}/instances/{instance}"


@router.get(_INSTANCE + "/frames/{frames}", responses=BULK)
async def frames(
    request: Request, root: ARoot, study: str, series: str, instance: str, frames: str
) -> Response:
    """Retrieve frames of an instance, numbered from 1 and separated by commas."""
    numbers = frame_numbers(frames)
    work = retrieve.frames(root, address(study, series, instance), numbers, get_ask(request))
    plan = await attended(request, root, work)
    return PlanResponse(plan, request)


@router.get(_INSTANCE, responses=RETRIEVED | SENT_ON)
async def instance(request: Request, root: ARoot, study: str, series: str, instance: str) -> Response:
    """Retrieve one instance."""
    return await _instances(request, root, address(study, series, instance))


@router.get(_INSTANCE + "/metadata", responses=METADATA)
async def instance_metadata(
    request: Request, root: ARoot, study: str, series: str, instance: str
) -> Response:
    """Retrieve the metadata of one instance."""
    return await _metadata(request, root, address(study, series, instance))


@router.get(_INSTANCE + "/bulkdata/{path:path}", responses=BULK)
async def bulkdata(
    request: Request, root: ARoot, study: str, series: str, instance: str, path: str
) -> Response:
    """Retrieve bulk data by the address that the metadata gave."""
    if not _BULKDATA.fullmatch(path):
        raise InvalidRequest("Bulk data is named by tags and item numbers: 7FE00010, 54000100/1/54001010.")
    work = retrieve.bulkdata(root, address(study, series, instance), path.upper(), get_ask(request))
    plan = await attended(request, root, work)
    return PlanResponse(plan, request)


@router.get(_INSTANCE + "/pixeldata", responses=BULK)
async def pixel_data(request: Request, root: ARoot, study: str, series: str, instance: str) -> Response:
    """Retrieve the pixel data of an instance: whole, or a part for each compressed frame."""
    return await _pixel_data(request, root, address(study, series, instance))


@router.get("/studies/{study}/series/{series}/pixeldata", responses=BULK)
async def series_pixel_data(request: Request, root: ARoot, study: str, series: str) -> Response:
    """Retrieve the pixel data of each instance of a series."""
    return await _pixel_data(request, root, address(study, series))


@router.get("/studies/{study}/pixeldata", responses=BULK)
async def study_pixel_data(request: Request, root: ARoot, study: str) -> Response:
    """Retrieve the pixel data of each instance of a study."""
    return await _pixel_data(request, root, address(study))


@router.get("/studies/{study}/series/{series}", responses=RETRIEVED)
async def series(request: Request, root: ARoot, study: str, series: str) -> Response:
    """Retrieve every instance of a series."""
    return await _instances(request, root, address(study, series))


@router.get("/studies/{study}/series/{series}/metadata", responses=METADATA)
async def series_metadata(request: Request, root: ARoot, study: str, series: str) -> Response:
    """Retrieve the metadata of every instance of a series."""
    return await _metadata(request, root, address(study, series))


@router.get("/studies/{study}", responses=RETRIEVED)
async def study(request: Request, root: ARoot, study: str) -> Response:
    """Retrieve every instance of a study."""
    return await _instances(request, root, address(study))


@router.get("/studies/{study}/metadata", responses=METADATA)
async def study_metadata(request: Request, root: ARoot, study: str) -> Response:
    """Retrieve the metadata of every instance of a study."""
    return await _metadata(request, root, address(study))


def address(study: str, series: str | None = None, instance: str | None = None) -> Resource:
    """The resource at these UIDs. Raises InvalidRequest where one cannot be a UID."""
    if not all(_UID.fullmatch(uid) for uid in (study, series, instance) if uid is not None):
        raise InvalidRequest("A UID consists of digits and dots, at most 64 of them.")
    return Resource(study, series, instance)


def frame_numbers(frames: str) -> tuple[int, ...]:
    """The frames of a list. Raises InvalidRequest where it is none, or names one twice.

    The standard has them distinct (PS3.18 section 10.4.1); else a short address asks for terabytes.
    """
    if not _FRAMES.fullmatch(frames):
        raise InvalidRequest("Frames are numbers from 1 on, separated by commas.")
    numbers = tuple(map(int, frames.split(",")))
    if len(set(numbers)) < len(numbers):
        raise InvalidRequest("Name each frame once.")
    return numbers


async def _instances(request: Request, root: Root, resource: Resource) -> Response:
    plan = await attended(request, root, retrieve.instances(root, resource, get_ask(request)))
    return await sent_on(request, root, plan) or PlanResponse(plan, request)


async def _pixel_data(request: Request, root: Root, resource: Resource) -> Response:
    plan = await attended(request, root, pixels.pixel_data(root, resource, get_ask(request)))
    return PlanResponse(plan, request)


async def _metadata(request: Request, root: Root, resource: Resource) -> Response:
    found = await stored.metadata(root, resource, get_ask(request))
    documents = stored.documents(root, found)
    return await data_sets(request, found.offer, documents, found.etag, root.archive.recent)
