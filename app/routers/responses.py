"""Sending what was decided: a plan's bytes, or data sets. Nothing here can still be refused."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

import orjson
from fastapi import Request, Response
from starlette.types import Receive, Scope, Send

from app.dicom.description import Json
from app.routers.kept import Copy, Kept
from app.services.forms import DICOM_JSON, ZIP
from app.services.plan import Part, Plan
from app.storage.recent import Recent
from app.threads import in_thread
from app.wire import coding, conditional, multipart_out, zip_out
from app.wire.accept import Offer
from app.wire.enclosure import Enclosure, array, parts

#: Whoever holds an answer asks again before using it: what one may see can change at any time.
CACHING = {"Cache-Control": "private, no-cache", "Vary": "Accept, Accept-Encoding, Authorization"}
#: Stored bytes are never a page, whatever type they claim: opened in a browser they run nothing.
DATA_POLICY = "default-src 'none'; frame-ancestors 'none'; sandbox"
#: A listener that has gone is noticed after this many bytes at the latest.
PATIENCE = 16 << 20
#: A body up to this many bytes is compressed sooner than handed to a thread.
SHORT = 64 << 10


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
            multipart_out.part_header(self._boundary, _outer(part, size), first=place == 0)
            for place, (part, size) in enumerate(zip(self._plan.parts, sizes, strict=True))
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
        for header, part in zip(self._heads, self._plan.parts, strict=True):
            yield header
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


class ZipResponse(PlanResponse):
    """The parts of a plan as the entries of one ZIP file, with a known Content-Length."""

    def _head(self) -> tuple[int, dict[str, str]]:
        parts = self._plan.parts
        self._entries = [
            zip_out.Entry(each.name, part.content.size, each.crc32, each.made)
            for part in parts
            if (each := part.zipped)
        ]
        # A folder for the study: its first instance names it.
        name = self._entries[0].name.partition("/")[0]
        return 200, {
            "Content-Type": ZIP,
            "Content-Disposition": f'attachment; filename="{name}.zip"',
            "Content-Length": str(zip_out.content_length(self._entries)),
        }

    async def _pieces(self) -> AsyncGenerator[bytes]:
        for entry, part in zip(self._entries, self._plan.parts, strict=True):
            yield zip_out.local_header(entry)
            async for piece in part.content.stream(0, part.content.size):
                yield piece
        yield zip_out.closing(self._entries)


def _outer(part: Part, size: int) -> multipart_out.Part:
    return multipart_out.Part(part.content_type, size, (("Content-Location", part.location),))


def dicom_json(request: Request, body: Json, status: int) -> Response:
    """A DICOM JSON answer, compressed where the client takes that."""
    data = orjson.dumps(body)
    chosen = coding.choose(request.headers.get("accept-encoding"), len(data))
    head = {**CACHING, "Content-Type": DICOM_JSON, **_named(chosen)}
    return Response(coding.encode(chosen, data), status, head)


async def data_sets(
    request: Request,
    offer: Offer,
    documents: AsyncGenerator[list[bytes]],
    etag: str = "",
    recent: Recent | None = None,
) -> Response:
    """Ready documents in one body: at once when they are one batch, else as they come.

    With `recent` a body that has an entity tag is looked for there first, and kept there.
    """
    enclosure, accept = _enclosure(offer, etag), request.headers.get("accept-encoding")
    kept = Kept(recent, etag) if recent and etag else None
    chosen = coding.choose(accept, coding.WORTHWHILE)
    if kept and (body := await kept.get(chosen)):
        return Response(body, 200, _head(enclosure, etag, chosen))
    first = await anext(documents)
    second = await anext(documents, None)
    if second is not None:
        batches = _chained([first, second], documents)
        copy = kept.copy(chosen) if kept else None
        return DocumentStream(batches, enclosure, etag, chosen, copy)
    data = b"".join(enclosure.join(first))
    chosen = coding.choose(accept, len(data))
    return Response(await _encoded(chosen, data, kept), 200, _head(enclosure, etag, chosen))


async def _encoded(chosen: str, data: bytes, kept: Kept | None) -> bytes:
    if len(data) <= SHORT:
        return coding.encode(chosen, data)
    if kept:
        return await kept.encode(chosen, data)
    return data if chosen == coding.IDENTITY else await in_thread(coding.encode, chosen, data)


async def one_batch(documents: list[bytes]) -> AsyncGenerator[list[bytes]]:
    """Documents that are there already, for `data_sets`."""
    yield documents


def _enclosure(offer: Offer, etag: str) -> Enclosure:
    if offer.multipart:
        return parts(offer.media_type, etag.strip('"') or multipart_out.new_boundary())
    return array(offer.media_type)


def _head(enclosure: Enclosure, etag: str, chosen: str) -> dict[str, str]:
    tag = {"ETag": conditional.coded(etag, chosen)} if etag else {}
    return {**CACHING, "Content-Type": enclosure.content_type, **_named(chosen), **tag}


class DocumentStream(Response):
    """More documents than should be in memory at once; the length of the body is not known beforehand."""

    def __init__(
        self,
        batches: AsyncGenerator[list[bytes]],
        enclosure: Enclosure,
        etag: str,
        chosen: str,
        copy: Copy | None = None,
    ) -> None:
        self.background = None
        self.status_code = 200
        self._copy = copy
        self._batches = batches
        self._enclosure = enclosure
        self._encoder = coding.Encoder(chosen)
        self.init_headers(_head(enclosure, etag, chosen))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the request."""
        async with aclosing(self._batches):
            await send(
                {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers}
            )
            if scope["method"] != "HEAD":
                await self._send_batches(Request(scope, receive), send)
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _send_batches(self, request: Request, send: Send) -> None:
        before = self._enclosure.opening
        async for batch in self._batches:
            text = before + self._enclosure.between.join(batch)
            piece = await in_thread(self._fed, text)
            await send({"type": "http.response.body", "body": piece, "more_body": True})
            before = self._enclosure.between
            if await request.is_disconnected():
                return
        last = self._fed(self._enclosure.closing) + self._closed()
        await send({"type": "http.response.body", "body": last, "more_body": True})
        if self._copy:
            self._copy.close()

    def _closed(self) -> bytes:
        rest = self._encoder.close()
        if self._copy:
            self._copy.feed(rest)
        return rest

    def _fed(self, text: bytes) -> bytes:
        piece = self._encoder.feed(text)
        if self._copy:
            self._copy.feed(piece)
        return piece


async def _chained(
    first: list[list[bytes]], rest: AsyncGenerator[list[bytes]]
) -> AsyncGenerator[list[bytes]]:
    async with aclosing(rest):
        for batch in first:
            yield batch
        async for batch in rest:
            yield batch


def _named(chosen: str) -> dict[str, str]:
    return {} if chosen == coding.IDENTITY else {"Content-Encoding": chosen}
