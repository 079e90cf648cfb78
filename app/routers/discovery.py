"""How machines find the pages: a sitemap, and the addresses of DOIs."""

from urllib.parse import quote
from xml.sax.saxutils import escape

from fastapi import APIRouter, Request, Response
from fastapi.responses import PlainTextResponse, RedirectResponse

from app.errors import Fact
from app.routers.addresses import public_url
from app.routers.api import problems
from app.routers.dependencies import AnArchive, get_caller
from app.routers.pages import VARY, refused
from app.routers.representations import send_bytes
from app.services import discovery

router = APIRouter(tags=["pages"])

XML = "application/xml"
_NAMESPACE = "http://www.sitemaps.org/schemas/sitemap/0.9"
#: What is not for machines that follow every link: it takes long to make, and leads nowhere else.
_HEAVY = ("/api/", "/dicom-web", "/*/dicom-web", "/*/archive.zip", "/*/metadata.csv", "/*/viewer", "/viewer")


@router.get(
    "/sitemap.xml",
    response_class=Response,
    responses={200: {"content": {XML: {"schema": {"type": "string"}}}}},
)
async def sitemap(request: Request, archive: AnArchive) -> Response:
    """List the pages that strangers may look at (sitemaps.org)."""
    host = public_url(request, archive)
    found = await discovery.pages(archive)
    body = "".join(
        f"<url><loc>{escape(host + quote(each.path))}</loc>"
        + (f"<lastmod>{each.changed_at:%Y-%m-%d}</lastmod>" if each.changed_at else "")
        + "</url>\n"
        for each in found
    )
    text = f'<?xml version="1.0" encoding="UTF-8"?>\n<urlset xmlns="{_NAMESPACE}">\n{body}</urlset>\n'
    return send_bytes(request, text.encode(), XML)


@router.get("/robots.txt", response_class=PlainTextResponse)
async def robots(request: Request, archive: AnArchive) -> Response:
    """Tell machines that follow links what not to follow, and where the pages are listed (RFC 9309)."""
    host = public_url(request, archive)
    lines = ["User-agent: *", "Allow: /api/v1/*/cite", *(f"Disallow: {each}" for each in _HEAVY)]
    text = "\n".join([*lines, "", f"Sitemap: {host}/sitemap.xml", ""])
    return send_bytes(request, text.encode(), "text/plain; charset=utf-8")


@router.get(
    "/doi/{doi:path}",
    status_code=302,
    response_class=RedirectResponse,
    responses={**problems(401, 404), 302: {"description": "The page is there"}},
)
async def doi_page(request: Request, archive: AnArchive, doi: str) -> Response:
    """Go to the page of a DOI of this archive."""
    try:
        path = await discovery.page_of(archive, await get_caller(request), doi)
    except Fact as fact:
        return refused(request, archive, fact)
    query = f"?{request.url.query}" if request.url.query else ""
    return RedirectResponse(public_url(request, archive) + path + query, 302, VARY)
