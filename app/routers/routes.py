"""What is offered, read from the routers themselves."""

from collections.abc import Iterator
from dataclasses import dataclass

from fastapi import APIRouter
from fastapi.routing import APIRoute

from app.routers import (
    accounts,
    agreements,
    attributes,
    audit,
    browse,
    carts,
    catalog,
    changes,
    cite,
    collections,
    deidentification,
    discovery,
    dois,
    downloads,
    explain,
    facets,
    fixity,
    grants,
    groups,
    health,
    jobs,
    landing,
    me,
    qido,
    rendered,
    requests,
    share_links,
    sites,
    stow,
    submissions,
    tokens,
    versions,
    wado,
    wado_uri,
    webhooks,
)

#: The transactions of a DICOMweb root, each in the order in which they are tried.
DICOMWEB: tuple[tuple[str, APIRouter], ...] = (
    ("Search (QIDO-RS, PS3.18 section 10.6)", qido.router),
    ("Retrieve (WADO-RS, PS3.18 section 10.4)", wado.router),
    ("Retrieve rendered (WADO-RS, PS3.18 sections 8.3.5 and 10.4)", rendered.router),
    ("Download", downloads.router),
    ("Retrieve by query (WADO-URI, PS3.18 section 9), also at the server's root", wado_uri.router),
    ("Store (STOW-RS, PS3.18 section 10.5)", stow.router),
)
#: The same, and the resources about the archive itself.
ROUTERS = (
    *DICOMWEB,
    ("Download whole, beside `dicom-web` of every root but the whole archive's", downloads.home),
    ("What could be searched for", attributes.router),
    ("Collections and analysis results", collections.router),
    ("By what series can be narrowed", facets.router),
    ("Sites and access units of a collection", sites.router),
    ("The catalogue", catalog.router),
    ("The page to look through the collections", browse.router),
    ("The pages of collections, versions and carts", landing.router),
    ("How machines find the pages", discovery.router),
    ("What was sent and is not published yet", submissions.router),
    ("De-identification at the door", deidentification.router),
    ("Versions of collections", versions.router),
    ("What changed in versions", changes.router),
    ("Carts", carts.router),
    ("Who did what", audit.router),
    ("Who you are", me.router),
    ("Tokens", tokens.router),
    ("Share links", share_links.router),
    ("People", accounts.router),
    ("Who may do what, and why", explain.router),
    ("Requests for access", requests.router),
    ("What those who ask agree to and are asked", agreements.router),
    ("Grants", grants.router),
    ("Groups", groups.router),
    ("DOIs", dois.router),
    ("How it is cited", cite.router),
    ("What is done in the background", jobs.router),
    ("Whether objects are what was stored", fixity.router),
    ("Webhooks", webhooks.router),
    ("About the archive itself", health.router),
)


@dataclass(frozen=True, slots=True)
class Route:
    """One resource: how it is asked, the media types it takes and gives, and what it may answer.

    `name` is its own among all; `parameters` are those of the query string.
    """

    methods: tuple[str, ...]
    path: str
    name: str
    what: str
    parameters: tuple[str, ...]
    takes: tuple[str, ...]
    gives: tuple[str, ...]
    statuses: tuple[int, ...]


def routes(router: APIRouter) -> Iterator[Route]:
    """The resources of one router."""
    for route in router.routes:
        if isinstance(route, APIRoute):
            yield _route(route)


def _route(route: APIRoute) -> Route:
    extra = route.openapi_extra or {}
    body = extra.get("requestBody", {}).get("content", {})
    given = (name for response in route.responses.values() for name in response.get("content", {}))
    return Route(
        tuple(sorted(route.methods or ())),
        route.path_format,
        ".".join((*map(str, route.tags[:1]), route.name)),
        route.description.partition("\n")[0].rstrip("."),
        tuple(each["name"] for each in extra.get("parameters", ())),
        tuple(body),
        tuple(dict.fromkeys(given)),
        tuple(sorted({route.status_code or 200, *map(int, route.responses)})),
    )
