"""Sending ready documents in one body: data sets, results of a search. Nothing here can still be refused."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from fastapi import Request, Response
from starlette.types import Receive, Scope, Send

from app.routers.kept import Copy, Kept
from app.routers.responses import CACHING, named, send_pieces
from app.storage.recent import Recent
from app.threads import in_thread
from app.wire import coding, conditional, multipart_out
from app.wire.accept import Offer
from app.wire.coding import Coded
from app.wire.enclosure import Enclosure, array, parts

#: A body up to this many bytes is compressed sooner than handed to a thread.
SHORT = 64 << 10


async def data_sets(
    request: Request,
    offer: Offer,
    documents: AsyncGenerator[list[bytes]],
    etag: str = "",
    recent: Recent[Coded] | None = None,
) -> Response:
    """Ready documents in one body: at once when they are one batch, else as they come.

    With `recent` a body that has an entity tag is looked for there first, and kept there.
    """
    enclosure, accept = _enclosure(offer, etag), request.headers.get("accept-encoding")
    kept = Kept(recent, etag) if recent and etag else None
    chosen = coding.choose(accept, coding.WORTHWHILE)
    if kept and (coded := kept.get(chosen)):
        return KeptResponse(coded, request, chosen, _head(enclosure, etag, chosen))
    first = await anext(documents)
    second = await anext(documents, None)
    if second is not None:
        batches = chained([first, second], documents)
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


class KeptResponse(Response):
    """A body that was kept, as it is or without its coding, which comes off piece by piece."""

    def __init__(self, coded: Coded, request: Request, chosen: str, headers: dict[str, str]) -> None:
        self.background = None
        self.status_code = 200
        self._coded, self._chosen, self._request = coded, chosen, request
        size = coded.size if chosen == coding.IDENTITY else len(coded)
        self.init_headers({**headers, "Content-Length": str(size)})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the request."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        if scope["method"] != "HEAD":
            await send_pieces(self._pieces(), self._request, send)
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _pieces(self) -> AsyncGenerator[bytes]:
        if self._chosen != coding.IDENTITY:
            yield self._coded.data
            return
        for piece in coding.decoded_zstd(self._coded.data):
            yield piece


async def one_batch(documents: list[bytes]) -> AsyncGenerator[list[bytes]]:
    """Documents that are there already, for `data_sets`."""
    yield documents


def _enclosure(offer: Offer, etag: str) -> Enclosure:
    if offer.multipart:
        return parts(offer.media_type, etag.strip('"') or multipart_out.new_boundary())
    return array(offer.media_type)


def _head(enclosure: Enclosure, etag: str, chosen: str) -> dict[str, str]:
    tag = {"ETag": conditional.coded(etag, chosen)} if etag else {}
    return {**CACHING, "Content-Type": enclosure.content_type, **named(chosen), **tag}


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
            self._copy.feed(rest, 0)
        return rest

    def _fed(self, text: bytes) -> bytes:
        piece = self._encoder.feed(text)
        if self._copy:
            self._copy.feed(piece, len(text))
        return piece


async def chained(first: list[list[bytes]], rest: AsyncGenerator[list[bytes]]) -> AsyncGenerator[list[bytes]]:
    """The first batches, then the rest, for `data_sets`."""
    async with aclosing(rest):
        for batch in first:
            yield batch
        async for batch in rest:
            yield batch
