"""Routes below a DICOMweb root, whose functions take the request, the root and strings of the path."""

import inspect
from collections.abc import Callable, Sequence
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.params import Depends
from fastapi.routing import APIRoute
from starlette.types import Receive, Scope, Send

from app.routers.dependencies import ARoot, get_root


class RootRoute(APIRoute):
    """Hands its function what its parameters name, and declares it all for the OpenAPI document.

    FastAPI itself would collect and validate each parameter anew, and keep stacks of what dependencies leave
    open, which takes a fifth of the time that a frame does. There is nothing to validate: a segment of a path
    is a string. No other parameters will do: TypeError.
    """

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        super().__init__(path, endpoint, **options)
        self._parameters = _names(endpoint)

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; errors become answers where those of every route do."""
        if scope["method"] in (self.methods or ()):
            response = await self._answer(Request(scope, receive, send))
            await response(scope, receive, send)
        else:
            await super().handle(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        path, root = request.path_params, await get_root(request)
        answer: Response = await self.endpoint(
            request, root, **{name: path[name] for name in self._parameters}
        )
        return answer


def put_below(root: str, router: APIRouter, whole: APIRouter, declared: Sequence[Depends] = ()) -> None:
    """Give the whole the router's routes, below a root's path.

    As routes of its own: those of an included router are each looked at twice, and at a higher price.
    """
    for route in router.routes:
        if isinstance(route, APIRoute):
            whole.add_api_route(
                root + route.path,
                route.endpoint,
                methods=list(route.methods or ()),
                tags=route.tags,
                dependencies=declared,
                responses=route.responses,
                openapi_extra=route.openapi_extra,
                route_class_override=type(route),
            )


def _names(endpoint: Callable[..., Any]) -> tuple[str, ...]:
    first, second, *rest = inspect.signature(endpoint).parameters.values()
    strings = all(parameter.annotation is str for parameter in rest)
    if (first.annotation, second.annotation) != (Request, ARoot) or not strings:
        raise TypeError(f"{endpoint.__name__} takes more than a request, a root and strings of its path")
    return tuple(parameter.name for parameter in rest)
