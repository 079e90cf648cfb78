"""What is offered, read from the routers themselves."""

from collections.abc import Iterator
from dataclasses import dataclass

from fastapi import APIRouter
from fastapi.routing import APIRoute

from app.routers import attributes, health, qido, stow, wado

#: The transactions and the resources about the archive itself, each in the order in which they are tried.
ROUTERS: tuple[tuple[str, APIRouter], ...] = (
    ("Search (QIDO-RS, PS3.18 section 10.6)", qido.router),
    ("Retrieve (WADO-RS, PS3.18 section 10.4)", wado.router),
    ("Store (STOW-RS, PS3.18 section 10.5)", stow.router),
    ("What could be searched for", attributes.router),
    ("About the archive itself", health.router),
)


@dataclass(frozen=True, slots=True)
class Route:
    """One resource: how it is asked, the media types it takes and gives, and what it may answer."""

    methods: tuple[str, ...]
    path: str
    what: str
    takes: tuple[str, ...]
    gives: tuple[str, ...]
    statuses: tuple[int, ...]


def routes(router: APIRouter) -> Iterator[Route]:
    """The resources of one router."""
    for route in router.routes:
        if isinstance(route, APIRoute):
            yield _route(route)


def _route(route: APIRoute) -> Route:
    body = (route.openapi_extra or {}).get("requestBody", {}).get("content", {})
    given = (name for response in route.responses.values() for name in response.get("content", {}))
    return Route(
        tuple(sorted(route.methods or ())),
        route.path_format,
        route.description.partition("\n")[0].rstrip("."),
        tuple(body),
        tuple(dict.fromkeys(given)),
        tuple(sorted({200, *map(int, route.responses)})),
    )
