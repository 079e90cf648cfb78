"""WADO-URI: one instance, named by the query (PS3.18 section 9)."""

from dataclasses import replace
from typing import Any

from fastapi import APIRouter, Request, Response

from app.query import parameters, wado_uri
from app.query.wado_uri import DICOM, Requested
from app.routers.attended import attended
from app.routers.below_root import RootRoute
from app.routers.dependencies import ARoot, get_ask
from app.routers.elsewhere import sent_on
from app.routers.rendered import SHOWN, respond
from app.routers.wado import SENT_ON
from app.services import retrieve
from app.services.plan import Plan
from app.services.render import Subject, render
from app.services.root import Ask, Root

router = APIRouter(tags=["WADO-URI"], route_class=RootRoute)

_BINARY = {"schema": {"type": "string", "format": "binary"}}
RETRIEVED: dict[int | str, dict[str, Any]] = {
    **SHOWN,
    **SENT_ON,
    200: {
        "description": "The instance itself, or what it shows, as contentType asks",
        "content": {DICOM: _BINARY, **SHOWN[200]["content"]},
    },
}


def _parameter(name: str, example: str, *, required: bool = False) -> dict[str, Any]:
    schema = {"type": "string"}
    return {"name": name, "in": "query", "required": required, "schema": schema, "example": example}


PARAMETERS = {
    "parameters": [
        _parameter("requestType", "WADO", required=True),
        _parameter("studyUID", "1.2.3", required=True),
        _parameter("seriesUID", "1.2.3.4", required=True),
        _parameter("objectUID", "1.2.3.4.5", required=True),
        _parameter("contentType", "image/jpeg"),
        _parameter("transferSyntax", "1.2.840.10008.1.2.1"),
        _parameter("frameNumber", "1"),
        _parameter("rows", "512"),
        _parameter("columns", "512"),
        _parameter("region", "0.25,0.25,0.75,0.75"),
        _parameter("windowCenter", "40"),
        _parameter("windowWidth", "400"),
        _parameter("imageQuality", "90"),
        _parameter("annotation", "patient,technique"),
    ]
}


@router.get("/wado", responses=RETRIEVED, openapi_extra=PARAMETERS)
async def wado(request: Request, root: ARoot) -> Response:
    """Retrieve one instance, as it is or as it shows (WADO-URI)."""
    asked = wado_uri.parse(parameters.read(request.scope["query_string"]))
    ask = _ask(asked, get_ask(request))
    plan = await attended(request, root, (_instance if asked.wants_dicom else _shown)(root, asked, ask))
    sent = await sent_on(request, root, plan) if asked.wants_dicom else None
    return sent or respond(request, root, plan, asked.warnings)


def _ask(asked: Requested, header: Ask) -> Ask:
    """contentType wins over Accept; without either the archive chooses."""
    if asked.content_type is None:
        return replace(header, query_accept=())
    return replace(header, accept=asked.content_type, query_accept=())


async def _instance(root: Root, asked: Requested, ask: Ask) -> Plan:
    syntax = f"; transfer-syntax={asked.transfer_syntax}" if asked.transfer_syntax else ""
    return await retrieve.instances(root, asked.resource, replace(ask, accept=DICOM + syntax))


async def _shown(root: Root, asked: Requested, ask: Ask) -> Plan:
    frames = (asked.frame,) if asked.frame is not None else ()
    return await render(root, Subject(asked.resource, frames), asked.rendering, ask)
