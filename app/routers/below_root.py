"""Routes below a DICOMweb root, whose functions take the request, the root and strings of the path."""

import inspect
from collections.abc import Callable
from typing import Any

from fastapi import Request, Response
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
        if scope["method"] not in (self.methods or ()):
            return await super().handle(scope, receive, send)
        request, path = Request(scope, receive, send), scope["path_params"]
        root = await get_root(request)
        response: Response = await self.endpoint(
            request, root, **{name: path[name] for name in self._parameters}
        )
        await response(scope, receive, send)


def _names(endpoint: Callable[..., Any]) -> tuple[str, ...]:
    first, second, *rest = inspect.signature(endpoint).parameters.values()
    strings = all(parameter.annotation is str for parameter in rest)
    if (first.annotation, second.annotation) != (Request, ARoot) or not strings:
        raise TypeError(f"{endpoint.__name__} takes more than a request, a root and strings of its path")
    return tuple(parameter.name for parameter in rest)
