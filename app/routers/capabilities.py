"""Retrieve Capabilities (PS3.18 section 8.9): each DICOMweb root describes itself, from its own routes."""

from functools import cache
from typing import Any

import orjson
from fastapi import APIRouter, Request, Response
from fastapi.routing import APIRoute

from app.errors import NotFound
from app.routers import stow, wadl
from app.routers.dependencies import ARoot, get_ask
from app.routers.responses import CACHING
from app.routers.routes import DICOMWEB, Route, routes
from app.services.root import Root
from app.wire.accept import Offer

router = APIRouter(tags=["Capabilities"])

WADL = "application/vnd.sun.wadl+xml"
JSON = "application/json"
OFFERS = (
    Offer("wadl", WADL, default=True, aliases=("application/xml", "text/xml")),
    Offer("json", JSON, default=True, aliases=("application/dicom+json",)),
)
_DOCUMENT = {WADL: {"schema": {"type": "string"}}, JSON: {"schema": {"type": "object"}}}
RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {"description": "What this root offers", "content": _DOCUMENT},
    406: {"description": "No acceptable media type"},
}
OFFERED = tuple(route for _, each in DICOMWEB for route in routes(each))
#: Of roots at which nothing is stored: versions and carts.
READ = tuple(route for _, each in DICOMWEB if each is not stow.router for route in routes(each))


@router.get("/", responses=RESPONSES)
async def capabilities(request: Request, root: ARoot) -> Response:
    """Describe what can be asked of this root; OPTIONS on it, or on any resource of it, does the same."""
    return _described(request, root, "")


async def of_resource(request: Request, root: ARoot) -> Response:
    """The same for one resource and those under it, with the methods that it answers in Allow."""
    path = request.scope["path"].partition("/dicom-web")[2]
    response = _described(request, root, path)
    response.headers["Allow"] = ", ".join(wadl.methods(path, _offered(root)))
    return response


@cache
def options() -> APIRouter:
    """A router that answers OPTIONS on the root and on every resource of it."""
    twin = APIRouter()
    paths = {route.path for _, each in DICOMWEB for route in each.routes if isinstance(route, APIRoute)}
    for path in ("", "/", *sorted(paths)):
        twin.add_api_route(path, of_resource, methods=["OPTIONS"], include_in_schema=False)
    twin.add_api_route("", capabilities, methods=["GET", "HEAD"], include_in_schema=False)
    return twin


def _offered(root: Root) -> tuple[Route, ...]:
    return READ if root.scope.past else OFFERED


def _described(request: Request, root: Root, path: str) -> Response:
    found = wadl.below(path, _offered(root))
    if not found:
        raise NotFound
    if get_ask(request).choose(OFFERS).name == "json":
        return Response(orjson.dumps(wadl.to_json(root.url, found)), headers=CACHING, media_type=JSON)
    return Response(wadl.to_xml(root.url, found), headers=CACHING, media_type=WADL)
