"""QIDO-RS search (PS3.18 section 10.6): from a query to a page of results."""

from collections.abc import Callable

import orjson
from sqlalchemy import Connection

from app.dicom.xml_model import to_xml
from app.index.quick import is_quick
from app.index.search import Read, page, read
from app.query import qido
from app.query.ast import Query
from app.query.qido import Page
from app.services.root import Root
from app.threads import in_thread
from app.wire.accept import Offer

Answer = tuple[Page, list[bytes]]

#: Makes a result in a form of what it is in DICOM JSON.
ENCODERS: dict[str, Callable[[bytes], bytes]] = {
    "json": lambda result: result,
    "xml": lambda result: to_xml(orjson.loads(result)),
}
#: So many results are made within 5 ms in a form, which is sooner than a thread is worth.
_SHORT = {"json": 250, "xml": 10}


async def search(root: Root, query: Query, offer: Offer) -> Answer:
    """A page of what the viewer may see, and each result as a document in the form."""
    database = root.archive.database

    def found(connection: Connection) -> Read:
        return read(connection, query, root.scope, root.viewer)

    def made(found: Read) -> Answer:
        results = page(query, found)
        encode = ENCODERS[offer.name]
        return results, [encode(result) for result in qido.rendered(query, results, root.url)]

    if not is_quick(query):
        return await database.scan(lambda connection: made(found(connection)))
    short = await database.brief(found, (query, root.scope, root.viewer))
    return made(short) if len(short.rows) <= _SHORT[offer.name] else await in_thread(made, short)
