"""Sending what was decided: a plan's bytes. Only the store can still refuse."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

import orjson
from fastapi import Request, Response
from starlette.types import Message, Receive, Scope, Send

from app.dicom.description import Json
from app.routers.counted import INSTANCES
from app.services.forms import DICOM_JSON, ZIP
from app.services.plan import Piece, Plan
from app.storage.object_store import FileRange
from app.wire import coding, conditional, multipart_out

#: Whoever holds an answer asks again before using it: what one may see can change at any time.
CACHING = {"Cache-Control": "private, no-cache", "Vary": "Accept, Accept-Encoding, Authorization, Cookie"}
#: Stored bytes are never a page, whatever type they claim: opened in a browser they run nothing.
DATA_POLICY = "default-src 'none'; frame-ancestors 'none'; sandbox"
#: A listener that has gone is noticed after this many bytes at the latest.
PATIENCE = 16 << 20
#: The ASGI extension by which a server sends a range of a file without its bytes passing through here.
ZERO_COPY = "http.response.zerocopysend"


class PlanResponse(Response):
    """The parts of a plan, as multipart/related or as the one part itself, with a known Content-Length.

    A single part answers Range (RFC 9110 section 14). Pieces go out as they are read, never joined.
    """

    def __init__(self, plan: Plan, request: Request) -> None:
        self.background = None
        self._plan = plan
        self._request = request
        request.scope[INSTANCES] = len(plan.parts) if plan.instances is None else plan.instances
        # The boundary follows from the entity tag, so that equal tags mean equal bytes. A digest of the data
        # cannot stand in the data.
        self._boundary = plan.etag.strip('"')
        head = {**CACHING, "ETag": plan.etag, "Content-Security-Policy": DATA_POLICY}
        self._start, self._stop = 0, 0
        try:
            self.status_code, more = self._head()
        except BaseException:
            plan.close()
            raise
        self.init_headers({**head, **more})

    def _head(self) -> tuple[int, dict[str, str]]:
        return self._multipart_head() if self._plan.offer.multipart else self._single_head()

    def _multipart_head(self) -> tuple[int, dict[str, str]]:
        sizes = [part.content.size for part in self._plan.parts]
        self._heads = [
            multipart_out.part_header(self._boundary, part.content_type, part.location, first=place == 0)
            for place, part in enumerate(self._plan.parts)
        ]
        media_type = self._plan.offer.media_type
        return 200, {
            "Content-Type": multipart_out.content_type(media_type, self._boundary),
            "Content-Length": str(multipart_out.content_length(self._boundary, self._heads, sizes)),
        }

    def _single_head(self) -> tuple[int, dict[str, str]]:
        (part,) = self._plan.parts
        size, headers = part.content.size, self._request.headers
        # Of other methods a Range means nothing (RFC 9110 section 14.2).
        ranged = self._request.method == "GET" and conditional.if_range(
            headers.get("if-range"), self._plan.etag
        )
        asked = conditional.byte_range(headers.get("range"), size) if ranged else None
        self._start, self._stop = asked or (0, size)
        head = {
            "Content-Type": part.content_type,
            "Accept-Ranges": "bytes",
            "Content-Length": str(self._stop - self._start),
        }
        if part.location:
            head["Content-Location"] = part.location
        if self._plan.filename:
            head["Content-Disposition"] = f'attachment; filename="{self._plan.filename}"'
        if asked is None:
            return 200, head
        return 206, head | {"Content-Range": conditional.content_range(*asked, size)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the request; the plan is closed however this ends."""
        try:
            start = {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers}
            if scope["method"] == "HEAD":
                await send(start)
            else:
                await self._send(start, self._pieces(ZERO_COPY in scope.get("extensions", ())), send)
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            self._plan.close()

    async def _send(self, start: Message, pieces: AsyncGenerator[Piece], send: Send) -> None:
        # The head goes out when the first bytes of an object are there: until then a store may fail, and the
        # answer be 503. A multipart body or a ZIP file has the head of its first part before them.
        headed = self._plan.offer.multipart or self._plan.offer.media_type == ZIP
        async with aclosing(pieces):
            first = await _first(pieces, 2 if headed else 1)
            await send(start)
            for piece in first:
                await send(_message(piece))
            await send_pieces(pieces, self._request, send)

    def _pieces(self, files: bool) -> AsyncGenerator[Piece]:
        if self._plan.offer.multipart:
            return self._multipart(files)
        return self._plan.parts[0].content.stream(self._start, self._stop, files=files)

    async def _multipart(self, files: bool) -> AsyncGenerator[Piece]:
        for header, part in zip(self._heads, self._plan.parts, strict=True):
            yield header
            async for piece in part.content.stream(0, part.content.size, files=files):
                yield piece
        yield multipart_out.closing(self._boundary)


async def _first(pieces: AsyncGenerator[Piece], count: int) -> list[Piece]:
    first: list[Piece] = []
    while len(first) < count and (piece := await anext(pieces, None)) is not None:
        first.append(piece)
    return first


async def send_pieces(pieces: AsyncGenerator[Piece], request: Request, send: Send) -> None:
    """Send for as long as someone listens: a server does not tell who sends in vain."""
    sent = 0
    async with aclosing(pieces):
        async for piece in pieces:
            await send(_message(piece))
            sent += len(piece)
            if sent > PATIENCE:
                sent = 0
                if await request.is_disconnected():
                    return


def _message(piece: Piece) -> Message:
    if isinstance(piece, FileRange):
        return {
            "type": ZERO_COPY,
            "file": piece,
            "offset": piece.offset,
            "count": piece.length,
            "more_body": True,
        }
    return {"type": "http.response.body", "body": piece, "more_body": True}


def dicom_json(request: Request, body: Json, status: int) -> Response:
    """A DICOM JSON answer, compressed where the client takes that."""
    data = orjson.dumps(body)
    chosen = coding.choose(request.headers.get("accept-encoding"), len(data))
    head = {**CACHING, "Content-Type": DICOM_JSON, **named(chosen)}
    return Response(coding.encode(chosen, data), status, head)


def named(chosen: str) -> dict[str, str]:
    """The header that names a coding that `coding.choose` gave."""
    return {} if chosen == coding.IDENTITY else {"Content-Encoding": chosen}
