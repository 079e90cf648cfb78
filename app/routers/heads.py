"""HEAD wherever there is GET (RFC 9110 section 9.3.2)."""

from fastapi import APIRouter
from fastapi.routing import APIRoute


def heads(router: APIRouter) -> APIRouter:
    """A router that answers HEAD as `router` answers GET; the server leaves out the body.

    Apart from it, so that it can stand behind the busy routes and out of the OpenAPI document. Made once.
    """
    if id(router) not in _MADE:
        _MADE[id(router)] = router, _twin(router)
    return _MADE[id(router)][1]


#: Routers and what answers HEAD for each.
_MADE: dict[int, tuple[APIRouter, APIRouter]] = {}


def _twin(router: APIRouter) -> APIRouter:
    twin = APIRouter(route_class=router.route_class)
    for route in router.routes:
        if isinstance(route, APIRoute) and "GET" in (route.methods or ()):
            twin.add_api_route(route.path, route.endpoint, methods=["HEAD"], include_in_schema=False)
    return twin
