"""All that a search finds, in one answer: page after page by key, each a read of its own.

While a client takes its time nothing is held for it but the page that it is sent and the next one: no
connection, no turn among the scans. Each page asks anew who may see what, and has the time of any scan.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import suppress
from dataclasses import replace

from sqlalchemy import Connection

from app.errors import Forbidden
from app.index import onward
from app.index.onward import Counted, Onward, Place
from app.index.scope import shape
from app.index.search import page
from app.query import qido
from app.query.ast import Query
from app.query.qido import Page
from app.services.root import Root
from app.services.search import ENCODERS
from app.wire.accept import Offer

#: Results in one of its pages: some 3 MB, and so many that a turn in a thread is nothing beside them.
TOGETHER = 2_000

Documents = list[bytes]


class Whole:
    """A search that goes on until all is found, or as much as was asked for.

    `again` gives the root as it is by now. Where it is no more for the caller, or shows them less, the rest
    is a fact: what is sent must not end as if it were all.
    """

    def __init__(self, root: Root, query: Query, offer: Offer, again: Callable[[], Awaitable[Root]]) -> None:
        self._root, self._query, self._again = root, query, again
        self._encode, self._left = ENCODERS[offer.name], query.most
        self._counted = Counted(shape(root.scope, root.viewer))
        self._place: Place | None = None

    async def remaining(self) -> int:
        """How many results follow all that is asked for, counted as far as an ordinary page counts them."""
        root, query = self._root, self._query
        return await root.archive.database.scan(
            lambda connection: onward.remaining(connection, query, root.scope, root.viewer)
        )

    async def first(self) -> tuple[Page, Documents]:
        """The first page, and its results as documents; `goes_on` then tells whether there is more."""
        return await self._read()

    async def rest(self) -> AsyncGenerator[Documents]:
        """The pages after the first, each read while the one before is sent."""
        coming = asyncio.create_task(self._next())
        try:
            while found := await coming:
                coming = asyncio.create_task(self._next())
                yield found
        finally:
            coming.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await coming

    @property
    def goes_on(self) -> bool:
        """Whether there is more."""
        return self._place is not None and self._left > 0

    async def _next(self) -> Documents:
        """The next page that has something in it; an empty one at the end."""
        while self.goes_on:
            self._root = _still(self._root, await self._again())
            _, documents = await self._read()
            if documents:
                return documents
        return []

    async def _read(self) -> tuple[Page, Documents]:
        root, after = self._root, self._place
        query = replace(self._query, limit=min(TOGETHER, self._left))
        known = self._counted.of(shape(root.scope, root.viewer))

        def made(connection: Connection) -> tuple[Onward, Page, Documents]:
            found = onward.read(connection, query, root.scope, root.viewer, after, known)
            results = page(query, found.read)
            return found, results, [self._encode(each) for each in qido.rendered(query, results, root.url)]

        found, results, documents = await root.archive.database.scan(made)
        self._place, self._left = found.place, self._left - len(documents)
        self._counted.counts.update(found.read.counts)
        return results, documents


def _still(before: Root, now: Root) -> Root:
    """The root of the next page. Raises Forbidden where the viewer sees less by it than before."""
    was, sees = before.viewer, now.viewer
    kept = was.units <= sees.units and was.studies == sees.studies and not was.sees_all
    if not (sees.sees_all or kept):
        raise Forbidden("What you may see here has changed: ask anew.")
    return now
