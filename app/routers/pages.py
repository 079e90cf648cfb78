"""Pages for people: the collections that one may know of, and each of them. They need no JavaScript."""

from collections.abc import Mapping
from typing import Annotated, Any
from urllib.parse import urlsplit

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import HTMLResponse

from app.archive import Archive
from app.errors import Fact, NotAcceptable
from app.registry.collections import Filters
from app.routers import html
from app.routers.addresses import public_url
from app.routers.api import After, page, problems
from app.routers.collection_models import collection_out, facts_out, item_out
from app.routers.dependencies import AnArchive, get_ask, get_caller
from app.routers.problems import status_of
from app.routers.representations import send_bytes
from app.services import collections, contents
from app.services.collections import EXTERNAL
from app.threads import in_thread
from app.wire.accept import Offer

router = APIRouter(tags=["pages"])

PAGE = (Offer("html", "text/html"),)
_BROWSER = (Offer("problem", "application/problem+json"), Offer("html", "text/html"))
#: Values of which a page names the most frequent.
MOST = 20
AT_ONCE = 100
KINDS = {
    "collection": "Collection",
    "analysis-result": "Analysis result",
    "external": "Record of data that are elsewhere",
}
html.TEMPLATES.globals.update(kinds=KINDS, most=MOST)
_HEADERS = {"Content-Security-Policy": html.POLICY}


@router.get("/collections", response_class=HTMLResponse, responses=problems(400, 401))
async def collections_page(
    request: Request,
    archive: AnArchive,
    text: Annotated[str, Query(max_length=300, description="Words of the title or summary")] = "",
    after: After = "",
) -> Response:
    """Show the collections that you may know of."""
    try:
        caller = await get_caller(request)
        words, beyond = text.replace("\0", " "), after.partition("\0")[0]
        found = await collections.page(archive, caller, Filters(words=words), beyond, AT_ONCE)
        items = await in_thread(lambda: page([item_out(each) for each in found], AT_ONCE, "slug"))
    except Fact as fact:
        return _refused(request, archive, fact)
    return _sent(request, archive, "collections.html", items=items.items, next=items.next, text=words)


@router.get("/collections/{collection}", response_class=HTMLResponse, responses=problems(401, 404))
async def collection_page(request: Request, archive: AnArchive, collection: str) -> Response:
    """Show a collection; what is hidden is the same page as what is unknown."""
    try:
        caller = await get_caller(request)
        shown = await collections.get(archive, caller, collection)
        out = await in_thread(collection_out, shown, public_url(request, archive))
        counted = None
        if shown.entry.kind != EXTERNAL:
            counted = facts_out(await contents.facts_of(archive, caller, collection))
    except Fact as fact:
        return _refused(request, archive, fact)
    return _sent(request, archive, "collection.html", collection=out, facts=counted)


def _sent(request: Request, archive: Archive, template: str, **values: Any) -> Response:
    get_ask(request).choose(PAGE)
    return send_bytes(request, _rendered(request, archive, template, values), html.HTML, headers=_HEADERS)


def _refused(request: Request, archive: Archive, fact: Fact) -> Response:
    """The page that says so, to those who asked for pages. Raises the fact to all others."""
    try:
        wanted = get_ask(request).choose(_BROWSER).name
    except NotAcceptable:
        wanted = "problem"
    if wanted != "html":
        raise fact
    status, headers = status_of(fact)
    title = {401: "Sign in", 404: "Nothing here"}.get(status, "That did not work")
    body = _rendered(request, archive, "problem.html", {"title": title, "detail": fact.detail})
    return Response(body, status, {**headers, **_HEADERS}, media_type=html.HTML)


def _rendered(request: Request, archive: Archive, template: str, values: Mapping[str, Any]) -> bytes:
    home = urlsplit(public_url(request, archive)).path
    return html.render(template, home=home, **values)
