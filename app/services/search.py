"""QIDO-RS search (PS3.18 section 10.6): from a query to a page of results."""

import orjson
from sqlalchemy import Connection

from app.dicom.xml_model import to_xml
from app.index.search import search as run
from app.query import qido
from app.query.ast import Query
from app.query.qido import Page
from app.services.root import Root
from app.wire.accept import Offer


async def search(root: Root, query: Query, offer: Offer) -> tuple[Page, list[bytes]]:
    """A page of what the viewer may see; each result as a document in the form, made off the event loop."""

    def work(connection: Connection) -> tuple[Page, list[bytes]]:
        page = run(connection, query, root.scope, root.viewer)
        encode = orjson.dumps if offer.name == "json" else to_xml
        return page, [encode(result) for result in qido.render(query, page, root.url)]

    return await root.archive.database.scan(work)
