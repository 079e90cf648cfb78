"""Rendered studies, series, instances and frames, and their thumbnails (PS3.18 sections 8.3.5 and 10.4)."""

from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter, Request, Response

from app.dicom.rendering import GIF, JPEG, PNG
from app.query import parameters, rendered
from app.routers.attended import attended
from app.routers.below_root import RootRoute
from app.routers.dependencies import ARoot, get_ask
from app.routers.responses import DATA_POLICY, PlanResponse
from app.routers.wado import address, frame_numbers
from app.services.plan import Plan
from app.services.render import Subject, render
from app.services.root import Root

router = APIRouter(tags=["WADO-RS rendered"], route_class=RootRoute)

_BINARY = {"schema": {"type": "string", "format": "binary"}}
_ERRORS: dict[int | str, dict[str, Any]] = {
    304: {"description": "The client holds the current state"},
    400: {"description": "A parameter is not understood, or cannot be"},
    404: {"description": "There is no such resource, none that you may see, or nothing in it to be shown"},
    406: {"description": "None of the acceptable media types can be sent, or the pixel data not be decoded"},
}
THUMBNAIL: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "A small picture",
        "content": {JPEG: _BINARY, PNG: _BINARY, GIF: _BINARY},
    },
    **_ERRORS,
}
PICTURE: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "A picture; as multipart one of each frame, as GIF of several frames one that moves",
        "content": {
            JPEG: _BINARY,
            PNG: _BINARY,
            GIF: _BINARY,
            f'multipart/related; type="{JPEG}"': _BINARY,
            f'multipart/related; type="{PNG}"': _BINARY,
        },
    },
    **_ERRORS,
}
SHOWN: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "A picture; a report as a page or as text; a document or film as it is",
        "content": {
            **PICTURE[200]["content"],
            "text/html": _BINARY,
            "text/plain": _BINARY,
            "application/pdf": _BINARY,
            "video/mp4": _BINARY,
        },
    },
    **_ERRORS,
}


def _parameter(name: str, example: str) -> dict[str, Any]:
    return {"name": name, "in": "query", "schema": {"type": "string"}, "example": example}


_ACCEPT = _parameter("accept", JPEG)
_SIDES = {"parameters": [_ACCEPT, _parameter("viewport", "256,256")]}
_LOOKS = {
    "parameters": [
        _ACCEPT,
        _parameter("viewport", "512,512,0,0,256,256"),
        _parameter("window", "40,400,linear"),
        _parameter("quality", "90"),
        _parameter("annotation", "patient,technique"),
        _parameter("iccprofile", "srgb"),
    ]
}
_SERIES = "/studies/{study}/series/{series}"
_INSTANCE = _SERIES + "/instances/{instance}"
#: What a browser may do with what is shown. A page or PDF may be framed by the archive's own viewer; a PDF
#: reader does not work in a sandbox, and runs nothing as this site.
_FRAMED = {"X-Frame-Options": "SAMEORIGIN"}
_PAGE = {
    **_FRAMED,
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; "
    "frame-ancestors 'self'; sandbox",
}
_PDF = {**_FRAMED, "Content-Security-Policy": "frame-ancestors 'self'"}
_DATA = {"Content-Security-Policy": DATA_POLICY}
_REPORT_TYPES = ("text/html; charset=utf-8", "text/plain; charset=utf-8")


@router.get(_INSTANCE + "/frames/{frames}/rendered", responses=PICTURE, openapi_extra=_LOOKS)
async def frames_rendered(
    request: Request, root: ARoot, study: str, series: str, instance: str, frames: str
) -> Response:
    """Retrieve frames of an instance as pictures."""
    return await _answer(request, root, Subject(address(study, series, instance), frame_numbers(frames)))


@router.get(_INSTANCE + "/frames/{frames}/thumbnail", responses=THUMBNAIL, openapi_extra=_SIDES)
async def frames_thumbnail(
    request: Request, root: ARoot, study: str, series: str, instance: str, frames: str
) -> Response:
    """Retrieve a small picture of a frame, the first of those named."""
    numbers = frame_numbers(frames)[:1]
    return await _answer(request, root, Subject(address(study, series, instance), numbers, thumbnail=True))


@router.get(_INSTANCE + "/rendered", responses=SHOWN, openapi_extra=_LOOKS)
async def instance_rendered(
    request: Request, root: ARoot, study: str, series: str, instance: str
) -> Response:
    """Retrieve an instance as a picture, page or document."""
    return await _answer(request, root, Subject(address(study, series, instance)))


@router.get(_INSTANCE + "/thumbnail", responses=THUMBNAIL, openapi_extra=_SIDES)
async def instance_thumbnail(
    request: Request, root: ARoot, study: str, series: str, instance: str
) -> Response:
    """Retrieve a small picture of an instance."""
    return await _answer(request, root, Subject(address(study, series, instance), thumbnail=True))


@router.get(_SERIES + "/rendered", responses=PICTURE, openapi_extra=_LOOKS)
async def series_rendered(request: Request, root: ARoot, study: str, series: str) -> Response:
    """Retrieve a picture of the middle of a series; as multipart, of each of its instances."""
    return await _answer(request, root, Subject(address(study, series)))


@router.get(_SERIES + "/thumbnail", responses=THUMBNAIL, openapi_extra=_SIDES)
async def series_thumbnail(request: Request, root: ARoot, study: str, series: str) -> Response:
    """Retrieve a small picture of the middle of a series."""
    return await _answer(request, root, Subject(address(study, series), thumbnail=True))


@router.get("/studies/{study}/rendered", responses=PICTURE, openapi_extra=_LOOKS)
async def study_rendered(request: Request, root: ARoot, study: str) -> Response:
    """Retrieve a picture of the middle of a study; as multipart, of each of its instances."""
    return await _answer(request, root, Subject(address(study)))


@router.get("/studies/{study}/thumbnail", responses=THUMBNAIL, openapi_extra=_SIDES)
async def study_thumbnail(request: Request, root: ARoot, study: str) -> Response:
    """Retrieve a small picture of the middle of a study."""
    return await _answer(request, root, Subject(address(study), thumbnail=True))


def respond(request: Request, root: Root, plan: Plan, warnings: Sequence[str]) -> Response:
    """A plan for people's eyes, with what was passed over and what a browser may do with it."""
    response = PlanResponse(plan, request)
    for sentence in warnings:
        response.headers.append("warning", f"299 {root.url}: {sentence}")
    for name, value in _policy(plan.offer.media_type).items():
        response.headers[name] = value
    return response


def _policy(media_type: str) -> dict[str, str]:
    """A document may call itself a page: only our own pages are more than data."""
    if media_type in _REPORT_TYPES:
        return _PAGE
    return _PDF if media_type == "application/pdf" else _DATA


async def _answer(request: Request, root: Root, subject: Subject) -> Response:
    wanted = rendered.parse(parameters.read(request.scope["query_string"]), thumbnail=subject.thumbnail)
    plan = await attended(request, root, render(root, subject, wanted.rendering, get_ask(request)))
    return respond(request, root, plan, wanted.warnings)
