"""How pages for people are sent and refused. They need no JavaScript, and depend on who asks."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlsplit

from fastapi import Request, Response

from app.archive import Archive
from app.errors import Fact, NotAcceptable
from app.routers import html
from app.routers.addresses import public_url
from app.routers.dependencies import get_ask
from app.routers.problems import status_of
from app.routers.representations import send_bytes
from app.wire.accept import Offer

PAGE = Offer("html", "text/html")
#: What is asked for and who asks decide what is answered.
VARY = {"Vary": "Accept, Authorization, Cookie"}
HEADERS = {"Content-Security-Policy": html.POLICY, **VARY}
#: Values of which a page names the most frequent.
MOST = 12
KINDS = {
    "collection": "Collection",
    "analysis-result": "Analysis result",
    "external": "Record of data that are elsewhere",
}
TIERS = {
    "open": "open to everybody",
    "registered": "for whoever signs in",
    "request": "on request",
    "private": "for members",
}
html.TEMPLATES.globals.update(kinds=KINDS, tiers=TIERS, most=MOST)
_BROWSER = (Offer("problem", "application/problem+json"), PAGE)


def send_page(
    request: Request, archive: Archive, template: str, headers: Mapping[str, str], **values: Any
) -> Response:
    """A page. Raises NotModified."""
    body = _rendered(request, archive, template, values)
    return send_bytes(request, body, html.HTML, headers={**HEADERS, **headers})


def refused(request: Request, archive: Archive, fact: Fact) -> Response:
    """The page that says so, to those who asked for pages. Raises the fact to all others."""
    try:
        wanted = get_ask(request).choose(_BROWSER).name
    except NotAcceptable:
        wanted = "problem"
    if wanted != "html":
        raise fact
    status, headers = status_of(fact)
    if status < 400:
        raise fact
    title = {401: "Sign in", 404: "Nothing here"}.get(status, "That did not work")
    sign_in = way_to_sign_in(request, archive) if status == 401 else ""
    values = {"title": title, "detail": fact.detail, "sign_in": sign_in}
    body = _rendered(request, archive, "problem.html", values)
    return Response(body, status, {**headers, **HEADERS}, media_type=html.HTML)


def home_of(request: Request, archive: Archive) -> str:
    """The path of the archive, without a slash at its end."""
    return urlsplit(public_url(request, archive)).path


def way_to_sign_in(request: Request, archive: Archive) -> str:
    """The address at which one signs in and comes back here; empty where nobody does."""
    if not archive.settings.for_browsers:
        return ""
    home = home_of(request, archive)
    return f"{home}/sign-in?next={quote(home + request.url.path, safe='')}"


def _rendered(request: Request, archive: Archive, template: str, values: Mapping[str, Any]) -> bytes:
    return html.render(template, home=home_of(request, archive), **values)
