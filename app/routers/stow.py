"""STOW-RS: storing instances (PS3.18 section 10.5), below every DICOMweb root that takes any."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Any

from fastapi import APIRouter, Request, Response
from starlette.requests import ClientDisconnect

from app.dicom import store_response
from app.dicom.store_response import Failed, Outcome
from app.dicom.xml_model import to_xml
from app.errors import TooLarge, UnsupportedMediaType
from app.registry.rights import Known
from app.routers.below_root import RootRoute
from app.routers.counted import INSTANCES, PLACE
from app.routers.dependencies import ARoot, get_ask
from app.routers.responses import dicom_json
from app.routers.wado import address
from app.services import uploads
from app.services.forms import DICOM, DICOM_JSON, DICOM_XML
from app.services.root import Root
from app.services.roots import deidentifying, destination
from app.services.store import store
from app.storage.spool import Spools
from app.wire import coding, media_types
from app.wire.accept import Offer

router = APIRouter(tags=["STOW-RS"], route_class=RootRoute)

OFFERS = (
    Offer("json", DICOM_JSON, default=True, aliases=("application/json",)),
    Offer("xml", DICOM_XML, default=True, aliases=("application/xml", "text/xml")),
)
TAKEN = f'{DICOM}, or multipart/related of type="{DICOM}", type="{DICOM_JSON}" or type="{DICOM_XML}"'

_EXAMPLE = {
    "00081190": {"vr": "UR", "Value": ["http://localhost:8080/dicom-web/studies/1.2.3"]},
    "00081199": {
        "vr": "SQ",
        "Value": [
            {
                "00081150": {"vr": "UI", "Value": ["1.2.840.10008.5.1.4.1.1.2"]},
                "00081155": {"vr": "UI", "Value": ["1.2.3.4.5"]},
                "00081190": {
                    "vr": "UR",
                    "Value": [
                        "http://localhost:8080/dicom-web/studies/1.2.3/series/1.2.3.4/instances/1.2.3.4.5"
                    ],
                },
            }
        ],
    },
}
_ANSWER = {"content": {DICOM_JSON: {"example": _EXAMPLE}, DICOM_XML: {"schema": {"type": "string"}}}}
RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {"description": "Every instance is stored", **_ANSWER},
    202: {"description": "Some are stored, or all with warnings; the sequences say which", **_ANSWER},
    400: {"description": "The body is malformed; nothing is stored"},
    406: {"description": "No acceptable media type"},
    409: {"description": "No instance is stored; FailedSOPSequence says why", **_ANSWER},
    413: {"description": "The body or an instance in it is too large; nothing is stored"},
    415: {"description": "The body's media type is not taken"},
    503: {"description": "The store or the database does not answer; nothing is stored, try again"},
}
_BINARY = {"schema": {"type": "string", "format": "binary"}}
BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            f'multipart/related; type="{DICOM}"': _BINARY,
            f'multipart/related; type="{DICOM_JSON}"': _BINARY,
            f'multipart/related; type="{DICOM_XML}"': _BINARY,
            DICOM: _BINARY,
        },
    }
}


@router.post("/studies", responses=RESPONSES, openapi_extra=BODY)
async def store_instances(request: Request, root: ARoot) -> Response:
    """Store instances of any studies."""
    return await _store(request, root, None)


@router.post("/studies/{study}", responses=RESPONSES, openapi_extra=BODY)
async def store_instances_of_study(request: Request, root: ARoot, study: str) -> Response:
    """Store instances of one study; those of others are refused."""
    return await _store(request, root, address(study).study)


async def _store(request: Request, root: Root, study: str | None) -> Response:
    offer = get_ask(request).choose(OFFERS)
    # What cannot be answered is not stored either: refused now, the client may send it again.
    coding.choose(request.headers.get("accept-encoding"), coding.WORTHWHILE)
    into = await destination(root)
    found = await deidentifying(into)
    outcomes = await _stored(request, into, found, study)
    request.scope[PLACE] = into.collection
    request.scope[INSTANCES] = sum(not isinstance(outcome, Failed) for outcome in outcomes)
    # What is de-identified lies in another study than the address names.
    study_url = f"{into.url}/studies/{study}" if study and not found else None
    answer = store_response.render(study_url, into.url, outcomes)
    if offer.name == "xml":
        return Response(to_xml(answer), status(outcomes), media_type=DICOM_XML)
    return dicom_json(request, answer, status(outcomes))


async def _stored(request: Request, into: Root, found: Known | None, study: str | None) -> list[Outcome]:
    if found is None:
        return await store(into, study, _arrivals(request, into, into.archive.spools))
    kind = media_types.parse(request.headers.get("content-type") or "none/none")
    if kind.part.type in (DICOM_JSON, DICOM_XML):
        raise UnsupportedMediaType(f"This collection de-identifies: send whole instances, as {DICOM}.")
    arriving = _arrivals(request, into, into.archive.sealed)
    # Only here: what a server never does it does not load.
    from app.services import doors

    return await doors.store(into, found, study, arriving)


def status(outcomes: list[Outcome]) -> int:
    """200: all stored; 202: some, or with warnings; 409: none (PS3.18 table 10.5.3-1)."""
    failed = sum(isinstance(outcome, Failed) for outcome in outcomes)
    if failed == len(outcomes):
        return 409
    warned = any(not isinstance(outcome, Failed) and outcome.warning_reason for outcome in outcomes)
    return 202 if failed or warned else 200


def _arrivals(request: Request, root: Root, spools: Spools) -> AsyncGenerator[uploads.Arrival]:
    """The instances in the body. Raises UnsupportedMediaType and TooLarge before a byte of it is read."""
    kind = media_types.parse(request.headers.get("content-type") or "none/none")
    body, boundary = _body(request, root), kind.get("boundary")
    if kind.type == DICOM:
        return uploads.one(spools, body)
    if kind.type == "multipart/related" and kind.part.type in (DICOM, "*/*"):
        return uploads.several(spools, boundary, body)
    if kind.type == "multipart/related" and kind.part.type in (DICOM_JSON, DICOM_XML):
        return _waited_for(request, uploads.described(spools, boundary, body))
    raise UnsupportedMediaType(f"Send instances as {TAKEN}.")


async def _waited_for(
    request: Request, arriving: AsyncGenerator[uploads.Arrival]
) -> AsyncGenerator[uploads.Arrival]:
    """What arrives once the whole body has been read, for as long as the client is there."""
    async with aclosing(arriving):
        async for arrival in arriving:
            yield arrival
            if await request.is_disconnected():
                raise ClientDisconnect


def _body(request: Request, root: Root) -> AsyncIterator[bytes]:
    largest = root.archive.settings.max_request_bytes
    length = request.headers.get("content-length", "")
    if largest and length.isdigit() and len(length) < 20 and int(length) > largest:
        raise TooLarge(f"A request may have {largest} bytes here.")
    decoder = coding.Decoder(request.headers.get("content-encoding"), largest or 1 << 62)
    return _decoded(request, decoder)


async def _decoded(request: Request, decoder: coding.Decoder) -> AsyncIterator[bytes]:
    async for chunk in request.stream():
        for piece in decoder.feed(chunk):
            yield piece
    decoder.close()
