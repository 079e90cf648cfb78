"""The pages of collections, their versions, and carts; at the same addresses what machines read of them."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import HTMLResponse

from app.access.callers import Caller
from app.archive import Archive
from app.citing import signposting
from app.citing.formats import FORMATS, described
from app.citing.work import cleaned
from app.errors import Fact, NotAcceptable
from app.routers import carts, cite, collections, versions
from app.routers.addresses import public_url
from app.routers.api import problems
from app.routers.dependencies import AnArchive, get_ask, get_caller
from app.routers.landing_models import FORMS, RECORD, Place, of_cart, of_collection
from app.routers.pages import PAGE, VARY, home_of, refused, send_page, way_to_sign_in
from app.services import landing
from app.services.cite import Citation
from app.wire.accept import Offer

router = APIRouter(tags=["pages"])

OFFERS = (
    PAGE,
    Offer(RECORD, "application/json"),
    *(Offer(name, each.media_type) for name, each in FORMATS.items() if each.negotiated),
)
_GIVEN: dict[int | str, dict[str, Any]] = {
    200: {"content": {each.media_type: {} for each in OFFERS}},
    **problems(400, 401, 404),
    406: {"description": "None of the forms that can be sent was asked for; the answer lists them"},
}
Format = Annotated[
    str | None,
    Query(
        max_length=40,
        description=f"Instead of Accept: html, {', '.join(FORMS)}",
        examples=["bibtex"],
    ),
]


@router.get("/collections/{collection}", response_class=HTMLResponse, responses=_GIVEN)
async def collection_page(
    request: Request,
    archive: AnArchive,
    collection: str,
    format: Format = None,  # noqa: A002
) -> Response:
    """Show a collection; what is hidden is the same page as what is unknown."""
    try:
        name, caller, host = wanted(request, format), await get_caller(request), public_url(request, archive)
        if name == RECORD:
            return _varying(await collections.get_collection(request, archive, caller, collection))
        shown = await landing.collection(archive, caller, collection, host)
        values = await of_collection(shown, _place(request, archive, caller)) if name == PAGE.name else {}
        return await _sent(request, archive, shown.citation, name, "collection.html", values)
    except Fact as fact:
        return refused(request, archive, fact)


@router.get("/collections/{collection}/versions/{version}", response_class=HTMLResponse, responses=_GIVEN)
async def version_page(
    request: Request,
    archive: AnArchive,
    collection: str,
    version: str,
    format: Format = None,  # noqa: A002
) -> Response:
    """Show a version of a collection, which never changes."""
    try:
        name, caller, host = wanted(request, format), await get_caller(request), public_url(request, archive)
        shown = await landing.version(archive, caller, collection, version, host)
        if name == RECORD:
            answer = await versions.get_version(request, archive, caller, collection, int(version))
            return _varying(answer)
        values = await of_collection(shown, _place(request, archive, caller)) if name == PAGE.name else {}
        return await _sent(request, archive, shown.citation, name, "collection.html", values)
    except Fact as fact:
        return refused(request, archive, fact)


@router.get("/carts/{cart}", response_class=HTMLResponse, responses=_GIVEN)
async def cart_page(
    request: Request,
    archive: AnArchive,
    cart: str,
    format: Format = None,  # noqa: A002
) -> Response:
    """Show a cart, as far as you may see what is in it."""
    try:
        name, caller, host = wanted(request, format), await get_caller(request), public_url(request, archive)
        if name == RECORD:
            return _varying(await carts.get_cart(request, archive, caller, cart))
        shown = await landing.cart(archive, caller, cart, host)
        values = of_cart(shown, _place(request, archive, caller)) if name == PAGE.name else {}
        return await _sent(request, archive, shown.citation, name, "cart.html", values)
    except Fact as fact:
        return refused(request, archive, fact)


def wanted(request: Request, name: str | None) -> str:
    """The name of the form that is asked for. Raises NotAcceptable, which lists what there is."""
    if name is None:
        return get_ask(request).choose(OFFERS).name
    if name not in (PAGE.name, RECORD, *FORMATS):
        offered = (PAGE.name, RECORD, *FORMATS)
        raise NotAcceptable(f"The forms to be had here are: {', '.join(offered)}.", offered)
    return name


def _varying(answer: Response) -> Response:
    answer.headers.update(VARY)
    return answer


def _place(request: Request, archive: Archive, caller: Caller) -> Place:
    sign_in = "" if caller.signed_in else way_to_sign_in(request, archive)
    return Place(public_url(request, archive), home_of(request, archive), sign_in)


async def _sent(
    request: Request, archive: Archive, citation: Citation, name: str, template: str, values: dict[str, Any]
) -> Response:
    if name != PAGE.name:
        return _varying(await cite.sent(request, citation, name))
    work = cleaned(citation.works[0])
    link = {"Link": signposting.header(work, described(work))}
    return send_page(request, archive, template, link, **values)
