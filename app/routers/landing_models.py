"""What the pages of collections, versions and carts show, as their templates name it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from app.citing import apa, schema_org
from app.citing.formats import write
from app.citing.work import Work, cleaned
from app.dicom.modalities import MODALITIES
from app.index.facts import Facts
from app.routers import carts, html
from app.routers.collection_models import CollectionOut, collection_out, facts_out, licence_out
from app.services.collections import Access
from app.services.landing import CartLanding, Held, Landing
from app.threads import in_thread
from app.viewer import Capability

RECORD = "json"
#: What the forms of a citation are called.
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
html.TEMPLATES.globals.update(modalities=MODALITIES, forms=FORMS)


@dataclass(frozen=True, slots=True)
class Place:
    """Where the reader is: the archive's address and its path, and where they sign in, if they have not."""

    host: str
    home: str
    sign_in: str


@dataclass(frozen=True, slots=True)
class Way:
    """A way to get the data: a button, or an address that tools take, and how much it leads to."""

    title: str
    note: str
    href: str
    facts: Facts
    button: str = ""
    sized: bool = True


async def of_collection(shown: Landing, place: Place) -> dict[str, Any]:
    """A collection, or a version of it."""
    slug = quote(shown.shown.entry.slug, safe="")
    here, api = f"{place.home}/collections/{slug}", f"{place.home}/api/v1/collections/{slug}"
    at = f"{here}/versions/{shown.version[0].number}" if shown.version else here
    out = await in_thread(collection_out, shown.shown, place.host)
    pairs = zip(out.access, shown.shown.access, strict=True)
    return {
        **_common(shown.citation.works[0], shown.held, at, place),
        **{name: getattr(shown, name) for name in ("version", "versions", "sources", "results")},
        "collection": out,
        "here": here,
        "api": api,
        "access": [(told, _way_in(each, api, place.sign_in, bool(out.contacts))) for told, each in pairs],
        "licences": [out.licence.id],
        "sections": dict(_sections(shown, out)),
    }


def _sections(shown: Landing, out: CollectionOut) -> Iterator[tuple[str, str]]:
    """What stands on the page, in its order."""
    there = {
        "changes": ("What changed", shown.version),
        "licence": ("Licence", True),
        "citation": ("How to cite", True),
        "facts": ("What it holds", True),
        "description": ("Description", out.description_html),
        "versions": ("Versions", shown.versions),
        "related": ("Related collections", shown.sources or shown.results),
        "publications": ("Publications", out.publications),
        "people": ("Contact", out.funding or out.contacts),
    }
    yield "access", "Get the data"
    yield from ((name, words) for name, (words, is_there) in there.items() if is_there)


def of_cart(shown: CartLanding, place: Place) -> dict[str, Any]:
    """A cart."""
    cart, found = shown.shown.cart, shown.shown.licensed
    licensed = [
        {
            "slug": each.collection,
            "title": shown.titles.get(each.collection or ""),
            "series": sum(part.series for part in each.parts),
            "licence": licence_out(each.licence),
        }
        for each in found
    ]
    sections = {"access": "Get the data", "licence": "Licences", "citation": "How to cite"}
    return {
        **_common(shown.citation.works[0], shown.held, f"{place.home}/carts/{cart.key}", place),
        "cart": cart,
        "licensed": licensed,
        "downloadable": shown.shown.downloadable,
        "in_words": carts.in_words(shown.shown),
        "works": [apa.text(cleaned(each)) for each in shown.citation.works[1:]],
        "licences": list(dict.fromkeys(each.licence.id for each in found)),
        "sections": sections | ({"facts": "What it holds"} if shown.held.found.series else {}),
    }


def _common(said: Work, held: Held | None, at: str, place: Place) -> dict[str, Any]:
    work = cleaned(said)
    return {
        "work": work,
        "description": schema_org.description(work)[:300],
        "dataset": write("schema-org", work).decode(),
        "citation": apa.text(work),
        "held": held,
        "facts": facts_out(held.found) if held else None,
        "ways": list(_ways(at, place, held)) if held else [],
        "at": at,
        "sign_in": place.sign_in,
    }


def _ways(at: str, place: Place, held: Held) -> Iterator[Way]:
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
        address = place.host + at.removeprefix(place.home) + "/dicom-web"
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
