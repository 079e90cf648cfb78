"""QIDO-RS: the six search resources (PS3.18 section 10.6), below every DICOMweb root."""

from typing import Any

from fastapi import APIRouter, Request, Response

from app.dicom.resource import Resource
from app.query import qido
from app.query.answer import Page
from app.query.ast import Level, Query
from app.routers.below_root import RootRoute
from app.routers.dependencies import ARoot, get_ask, root_again
from app.routers.documents import chained, data_sets, one_batch
from app.routers.responses import CACHING
from app.services.forms import DATA_SET_OFFERS, DICOM_JSON, DICOM_XML
from app.services.root import Root
from app.services.search import search
from app.services.whole import Whole
from app.wire.accept import Offer

router = APIRouter(tags=["QIDO-RS"], route_class=RootRoute)

_EXAMPLE = [
    {
        "00080020": {"vr": "DA", "Value": ["20240229"]},
        "00080061": {"vr": "CS", "Value": ["CT", "SEG"]},
        "00100020": {"vr": "LO", "Value": ["LIDC-IDRI-0001"]},
        "0020000D": {"vr": "UI", "Value": ["1.3.6.1.4.1.14519.5.2.1.1"]},
    }
]
RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The results, at most `limit`",
        "content": {
            DICOM_JSON: {"example": _EXAMPLE},
            f'multipart/related; type="{DICOM_XML}"': {"schema": {"type": "string", "format": "binary"}},
        },
    },
    204: {"description": "Nothing matches"},
    400: {"description": "A parameter is not understood; `detail` names it"},
    406: {"description": "No acceptable media type"},
}
#: Searches take any attribute as a parameter; these are the ones that are not attributes.
PARAMETERS: dict[str, Any] = {
    "parameters": [
        {
            "name": "PatientID",
            "in": "query",
            "schema": {"type": "string"},
            "description": "Any searchable attribute, by keyword, tag or dotted path; takes wildcards",
            "example": "LIDC-*",
        },
        {
            "name": "includefield",
            "in": "query",
            "schema": {"type": "array", "items": {"type": "string"}},
            "description": "Attributes to return besides the default ones, or `all`",
            "example": ["00081030", "StudyDescription"],
        },
        {
            "name": "fuzzymatching",
            "in": "query",
            "schema": {"type": "boolean", "default": False},
            "description": "Match each word of a person name as the beginning of a word",
        },
        {
            "name": "limit",
            "in": "query",
            "schema": {
                "type": "integer",
                "minimum": 0,
                "default": qido.DEFAULT_LIMIT,
            },
            "description": f"A page has at most {qido.MAXIMUM_LIMIT:,} results. Whoever asks for more is "
            "sent as many in one answer, which is read page by page while it is sent",
        },
        {"name": "offset", "in": "query", "schema": {"type": "integer", "minimum": 0, "default": 0}},
    ]
}


async def answer(request: Request, root: Root, level: Level, resource: Resource) -> Response:
    """Search, and answer with a page of results, or with all where more are asked for; 204 for none."""
    query = qido.parse(level, resource, qido.read(request.scope["query_string"]))
    offer = get_ask(request).choose(DATA_SET_OFFERS)
    if query.most:
        return await _whole(request, root, query, offer)
    page, documents = await search(root, query, offer)
    return _told(await _sent(request, offer, documents), root, query, page)


async def _whole(request: Request, root: Root, query: Query, offer: Offer) -> Response:
    """All results, as they are read. What can be refused is so before the first byte, by the first pages."""
    whole = Whole(root, query, offer, lambda: root_again(request))
    page, documents = await whole.first()
    if not whole.goes_on:
        return _told(await _sent(request, offer, documents), root, query, page)
    page = Page(page.rows, await whole.remaining())
    response = await data_sets(request, offer, chained([documents], whole.rest()))
    for warning in qido.warnings(query, page, root.url):
        response.headers.append("warning", warning)
    return response


async def _sent(request: Request, offer: Offer, documents: list[bytes]) -> Response:
    if documents:
        return await data_sets(request, offer, one_batch(documents))
    return Response(status_code=204, headers=CACHING)


def _told(response: Response, root: Root, query: Query, page: Page) -> Response:
    """With what the headers tell of a page."""
    total = qido.total(query, page)
    if total is not None:
        response.headers["X-Total-Count"] = str(total)
    for warning in qido.warnings(query, page, root.url):
        response.headers.append("warning", warning)
    return response


@router.get("/studies", responses=RESPONSES, openapi_extra=PARAMETERS)
async def studies(request: Request, root: ARoot) -> Response:
    """Search for studies."""
    return await answer(request, root, Level.STUDY, Resource())


@router.get("/studies/{study}/series", responses=RESPONSES, openapi_extra=PARAMETERS)
async def series_of_study(request: Request, root: ARoot, study: str) -> Response:
    """Search for the series of a study."""
    return await answer(request, root, Level.SERIES, Resource(study))


@router.get("/studies/{study}/series/{series}/instances", responses=RESPONSES, openapi_extra=PARAMETERS)
async def instances_of_series(request: Request, root: ARoot, study: str, series: str) -> Response:
    """Search for the instances of a series."""
    return await answer(request, root, Level.INSTANCE, Resource(study, series))


@router.get("/studies/{study}/instances", responses=RESPONSES, openapi_extra=PARAMETERS)
async def instances_of_study(request: Request, root: ARoot, study: str) -> Response:
    """Search for the instances of a study."""
    return await answer(request, root, Level.INSTANCE, Resource(study))


@router.get("/series", responses=RESPONSES, openapi_extra=PARAMETERS)
async def series(request: Request, root: ARoot) -> Response:
    """Search for series in all studies."""
    return await answer(request, root, Level.SERIES, Resource())


@router.get("/instances", responses=RESPONSES, openapi_extra=PARAMETERS)
async def instances(request: Request, root: ARoot) -> Response:
    """Search for instances in all studies."""
    return await answer(request, root, Level.INSTANCE, Resource())
