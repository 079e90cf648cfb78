"""Sending what was decided: a plan's bytes, or DICOM JSON. Nothing here can still be refused."""

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing

import orjson
from anyio import to_thread
from fastapi import Request, Response
from starlette.types import Receive, Scope, Send

from app.dicom.description import Json
from app.services.forms import DICOM_JSON
from app.services.plan import Part, Plan
from app.wire import coding, conditional, json_array, multipart_out

#: Whoever holds an answer asks again before using it: what one may see can change at any time.
CACHING = {"Cache-Control": "private, no-cache", "Vary": "Accept, Accept-Encoding, Authorization"}
#: A listener that has gone is noticed after this many bytes at the latest.
PATIENCE = 16 << 20


class PlanResponse(Response):
    """The parts of a plan, as multipart/related or as the one part itself, with a known Content-Length.

    A single part answers Range (RFC 9110 section 14). Pieces go out as they are read, never joined.
    """

    def __init__(self, plan: Plan, request: Request) -> None:
        self.background = None
        self._plan = plan
        self._request = request
        # The boundary follows from the entity tag, so that equal tags mean equal bytes. A digest of the data
        # cannot stand in the data.
        self._boundary = plan.etag.strip('"')
        head = {**CACHING, "ETag": plan.etag}
        self._start, self._stop = 0, 0
        self.status_code, more = self._multipart_head() if plan.offer.multipart else self._single_head()
        self.init_headers({**head, **more})

    def _multipart_head(self) -> tuple[int, dict[str, str]]:
        parts = [_outer(part) for part in self._plan.parts]
        media_type = self._plan.offer.media_type
        return 200, {
            "Content-Type": multipart_out.content_type(media_type, self._boundary),
            "Content-Length": str(multipart_out.content_length(self._boundary, parts)),
        }

    def _single_head(self) -> tuple[int, dict[str, str]]:
        (part,) = self._plan.parts
        size, headers = part.content.size, self._request.headers
        fresh = conditional.if_range(headers.get("if-range"), self._plan.etag)
        asked = conditional.byte_range(headers.get("range"), size) if fresh else None
        self._start, self._stop = asked or (0, size)
        head = {
            "Content-Type": part.content_type,
            "Content-Location": part.location,
            "Accept-Ranges": "bytes",
            "Content-Length": str(self._stop - self._start),
        }
        if asked is None:
            return 200, head
        return 206, head | {"Content-Range": conditional.content_range(*asked, size)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the request; the plan is closed however this ends."""
        try:
            await send(
                {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers}
            )
            if scope["method"] != "HEAD":
                await self._send_pieces(send)
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            self._plan.close()

    def _pieces(self) -> AsyncGenerator[bytes]:
        if self._plan.offer.multipart:
            return self._multipart()
        return self._plan.parts[0].content.stream(self._start, self._stop)

    async def _multipart(self) -> AsyncGenerator[bytes]:
        for place, part in enumerate(self._plan.parts):
            yield multipart_out.part_header(self._boundary, _outer(part), first=place == 0)
            async for piece in part.content.stream(0, part.content.size):
                yield piece
        yield multipart_out.closing(self._boundary)

    async def _send_pieces(self, send: Send) -> None:
        """Send for as long as someone listens: a server does not tell who sends in vain."""
        sent = 0
        async with aclosing(self._pieces()) as pieces:
            async for piece in pieces:
                await send({"type": "http.response.body", "body": piece, "more_body": True})
                sent += len(piece)
                if sent > PATIENCE:
                    sent = 0
                    if await self._request.is_disconnected():
                        return


def _outer(part: Part) -> multipart_out.Part:
    return multipart_out.Part(part.content_type, part.content.size, (("Content-Location", part.location),))


def dicom_json(
    request: Request, body: Json | Sequence[Json], status: int = 200, headers: dict[str, str] | None = None
) -> Response:
    """A DICOM JSON answer, compressed where the client takes that."""
    data = orjson.dumps(body)
    chosen = coding.choose(request.headers.get("accept-encoding"), len(data))
    return _coded(coding.encode(chosen, data), chosen, status, {**CACHING, **(headers or {})})


async def json_batches(request: Request, batches: AsyncIterator[list[bytes]], etag: str) -> Response:
    """A JSON array of ready objects, with its entity tag: at once when it is one batch, else as it comes."""
    first = await anext(batches)
    second = await anext(batches, None)
    accept = request.headers.get("accept-encoding")
    if second is None:
        data = b"".join(json_array.join(first))
        chosen = coding.choose(accept, len(data))
        body = await to_thread.run_sync(coding.encode, chosen, data)
        return _coded(body, chosen, 200, {**CACHING, "ETag": conditional.coded(etag, chosen)})
    chosen = coding.choose(accept, coding.WORTHWHILE)
    return JsonStream(_chained([first, second], batches), chosen, {"ETag": conditional.coded(etag, chosen)})


class JsonStream(Response):
    """A JSON array longer than should be in memory at once; its length is not known beforehand."""

    def __init__(self, batches: AsyncIterator[list[bytes]], chosen: str, headers: dict[str, str]) -> None:
        self.background = None
        self.status_code = 200
        self._batches = batches
        self._encoder = coding.Encoder(chosen)
        self.init_headers({**CACHING, "Content-Type": DICOM_JSON, **_named(chosen), **headers})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the request."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        if scope["method"] != "HEAD":
            opening = b"["
            async for batch in self._batches:
                text = opening + b",".join(batch)
                piece = await to_thread.run_sync(self._encoder.feed, text)
                await send({"type": "http.response.body", "body": piece, "more_body": True})
                opening = b","
            await send({"type": "http.response.body", "body": self._encoder.feed(b"]"), "more_body": True})
            await send({"type": "http.response.body", "body": self._encoder.close(), "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _chained(first: list[list[bytes]], rest: AsyncIterator[list[bytes]]) -> AsyncIterator[list[bytes]]:
    for batch in first:
        yield batch
    async for batch in rest:
        yield batch


def _coded(body: bytes, chosen: str, status: int, headers: dict[str, str]) -> Response:
    named = {"Content-Type": DICOM_JSON, **_named(chosen)}
    return Response(body, status, {**headers, **named})


def _named(chosen: str) -> dict[str, str]:
    return {} if chosen == coding.IDENTITY else {"Content-Encoding": chosen}
