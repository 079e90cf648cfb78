"""Routes below a DICOMweb root, whose functions take the request, the root and strings of the path."""

import inspect
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute

from app.routers.dependencies import ARoot, get_root


class RootRoute(APIRoute):
    """Hands its function what its parameters name, and declares it all for the OpenAPI document.

    FastAPI itself would collect and validate each parameter anew, which takes a fifth of the time that a
    frame does. There is nothing to validate: a segment of a path is a string. No other parameters will do.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The function as the router calls it. Raises TypeError where it takes anything else."""
        names = _names(self.endpoint)
        endpoint = self.endpoint

        async def handle(request: Request) -> Response:
            path = request.path_params
            response: Response = await endpoint(
                request, await get_root(request), **{name: path[name] for name in names}
            )
            return response

        return handle


def _names(endpoint: Callable[..., Any]) -> tuple[str, ...]:
    first, second, *rest = inspect.signature(endpoint).parameters.values()
    strings = all(parameter.annotation is str for parameter in rest)
    if (first.annotation, second.annotation) != (Request, ARoot) or not strings:
        raise TypeError(f"{endpoint.__name__} takes more than a request, a root and strings of its path")
    return tuple(parameter.name for parameter in rest)
