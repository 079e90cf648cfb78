"""Bodies of everything but STOW are small: they are read whole, before it is known who sends them."""

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.routers.problems import problem

#: A collection's record has at most some hundred kilobytes.
LARGEST = 1 << 20
_STOW = "/dicom-web/"
_TOLD = f"A body may have {LARGEST:,} bytes here."


class SmallBodies:
    """Refuses a longer body: by its Content-Length, or when it turns out to be longer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http" or _STOW in scope["path"]:
            await self._app(scope, receive, send)
            return
        length = Headers(scope=scope).get("content-length", "0")
        if len(length) > 15 or (length.isdigit() and int(length) > LARGEST):
            await problem(413, _TOLD)(scope, receive, send)
            return
        taken = 0

        async def counted() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > LARGEST:
                raise HTTPException(413, _TOLD)
            return message

        await self._app(scope, counted, send)
