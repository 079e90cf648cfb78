"""The pages of collections, their versions, and carts; at the same addresses what machines read of them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import HTMLResponse

from app.access.callers import Caller
from app.archive import Archive
from app.citing import apa, schema_org, signposting
from app.citing.formats import FORMATS, described, write
from app.citing.work import cleaned
from app.dicom.modalities import MODALITIES
from app.errors import Fact, NotAcceptable
from app.index.facts import Facts
from app.routers import carts, cite, collections, html, versions
from app.routers.addresses import public_url
from app.routers.api import problems
from app.routers.collection_models import collection_out, facts_out, licence_out
from app.routers.dependencies import AnArchive, get_ask, get_caller
from app.routers.pages import PAGE, VARY, home_of, refused, send_page, way_to_sign_in
from app.services import landing
from app.services.cite import Citation
from app.services.collections import Access
from app.services.landing import CartLanding, Held, Landing
from app.threads import in_thread
from app.viewer import Capability
from app.wire.accept import Offer

router = APIRouter(tags=["pages"])

RECORD = "json"
OFFERS = (
    PAGE,
    Offer(RECORD, "application/json"),
    *(Offer(name, each.media_type) for name, each in FORMATS.items() if each.negotiated),
)
#: What the forms are called on the page.
FORMS = {
    "bibtex": "BibTeX",
    "ris": "RIS",
    "csl": "CSL-JSON",
    "apa": "Text",
    "datacite-json": "DataCite JSON",
    "datacite-xml": "DataCite XML",
    "schema-org": "schema.org JSON-LD",
    "croissant": "Croissant",
    "linkset": "Linkset",
    RECORD: "The archive's own JSON",
}
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
html.TEMPLATES.globals.update(modalities=MODALITIES)


@dataclass(frozen=True, slots=True)
class Way:
    """A way to get the data: a button, or an address that tools take, and how much it leads to."""

    title: str
    note: str
    href: str
    facts: Facts
    button: str = ""
    sized: bool = True


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
        return await _collection(request, archive, caller, shown, name)
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
            number = int(version)
            return _varying(await versions.get_version(request, archive, caller, collection, number))
        return await _collection(request, archive, caller, shown, name)
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
        if name != PAGE.name:
            return _varying(await cite.sent(request, shown.citation, name))
        return _cart(request, archive, caller, shown)
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


async def _collection(
    request: Request, archive: Archive, caller: Caller, shown: Landing, name: str
) -> Response:
    if name != PAGE.name:
        return _varying(await cite.sent(request, shown.citation, name))
    home = home_of(request, archive)
    here = f"{home}/collections/{quote(shown.shown.entry.slug, safe='')}"
    at = f"{here}/versions/{shown.version[0].number}" if shown.version else here
    out = await in_thread(collection_out, shown.shown, public_url(request, archive))
    sign_in = "" if caller.signed_in else way_to_sign_in(request, archive)
    api = f"{home}/api/v1/collections/{quote(shown.shown.entry.slug, safe='')}"
    pairs = zip(out.access, shown.shown.access, strict=True)
    values = {
        "collection": out,
        "version": shown.version,
        "versions": shown.versions,
        "sources": shown.sources,
        "results": shown.results,
        "here": here,
        "api": api,
        "access": [(told, _way_in(each, api, sign_in, bool(out.contacts))) for told, each in pairs],
        "licences": [out.licence.id],
    }
    there = {
        "licence": "Licence",
        "citation": "How to cite",
        "facts": "What it holds",
        **({"changes": "What changed"} if shown.version else {}),
        **({"description": "Description"} if out.description_html else {}),
        **({"versions": "Versions"} if shown.versions else {}),
        **({"related": "Related collections"} if shown.sources or shown.results else {}),
        **({"publications": "Publications"} if out.publications else {}),
        **({"people": "Contact"} if out.funding or out.contacts else {}),
    }
    return _page(request, archive, "collection.html", shown.citation, shown.held, at, there, sign_in, values)


def _cart(request: Request, archive: Archive, caller: Caller, shown: CartLanding) -> Response:
    cart = shown.shown.cart
    licensed = [
        {
            "slug": each.collection,
            "title": shown.titles.get(each.collection, each.collection),
            "series": sum(part.series for part in each.parts),
            "licence": licence_out(each.licence),
        }
        for each in shown.shown.licensed
    ]
    values = {
        "cart": cart,
        "licensed": licensed,
        "downloadable": shown.shown.downloadable,
        "in_words": carts.in_words(shown.shown),
        "works": [apa.text(cleaned(each)) for each in shown.citation.works[1:]],
        "licences": list(dict.fromkeys(each.licence.id for each in shown.shown.licensed)),
    }
    there = {"licence": "Licences", "citation": "How to cite"}
    there |= {"facts": "What it holds"} if shown.held.found.series else {}
    at = f"{home_of(request, archive)}/carts/{cart.key}"
    sign_in = "" if caller.signed_in else way_to_sign_in(request, archive)
    return _page(request, archive, "cart.html", shown.citation, shown.held, at, there, sign_in, values)


def _page(
    request: Request,
    archive: Archive,
    template: str,
    citation: Citation,
    held: Held | None,
    at: str,
    sections: Mapping[str, str],
    sign_in: str,
    values: Mapping[str, Any],
) -> Response:
    work = cleaned(citation.works[0])
    return send_page(
        request,
        archive,
        template,
        {"Link": signposting.header(work, described(work))},
        work=work,
        description=schema_org.description(work)[:300],
        dataset=write("schema-org", work).decode(),
        citation=apa.text(work),
        forms=FORMS,
        held=held,
        facts=facts_out(held.found) if held else None,
        ways=list(_ways(at, public_url(request, archive), home_of(request, archive), held)) if held else [],
        at=at,
        sections={"access": "Get the data", **sections},
        sign_in=sign_in,
        **values,
    )


def _ways(at: str, host: str, home: str, held: Held) -> Iterator[Way]:
    if held.taken.instances:
        note = "DICOM as it is stored, by study and series, with licence, citation and checksums"
        yield Way("All in one", note, f"{at}/archive.zip", held.taken, "Download all (ZIP)")
    if held.viewed.series:
        yield Way(
            "Viewer", "In the browser, nothing to install", f"{at}/viewer", held.viewed, "Open in the viewer"
        )
    if held.found.series:
        note = "What there is, a line for each series (CSV)"
        yield Way("Table", note, f"{at}/metadata.csv", held.found, "Metadata (CSV)", sized=False)
        address = host + at.removeprefix(home) + "/dicom-web"
        yield Way("DICOMweb", "For viewers, tools and scripts: QIDO-RS and WADO-RS", address, held.found)


def _way_in(access: Access, api: str, sign_in: str, contacts: bool) -> tuple[str, str] | None:
    """Where one goes to get more, in words and as an address."""
    if Capability.DOWNLOAD in access.may:
        return None
    if sign_in and access.unit.tier in ("registered", "request"):
        return "Sign in", sign_in
    if access.unit.tier == "request":
        return "What you are asked, and agree to", f"{api}/request-form"
    return ("Whom to ask", "#people") if contacts else None
