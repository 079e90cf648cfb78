"""QIDO-RS search (PS3.18 section 10.6): from a query to a page of results."""

from sqlalchemy import Connection

from app.dicom.description import Json
from app.index.search import search as run
from app.query import qido
from app.query.ast import Query
from app.query.qido import Page
from app.services.root import Root


async def search(root: Root, query: Query) -> tuple[Page, list[Json]]:
    """A page of what the viewer may see, and its results as DICOM JSON, made away from the event loop."""

    def work(connection: Connection) -> tuple[Page, list[Json]]:
        page = run(connection, query, root.scope, root.viewer)
        return page, qido.render(query, page, root.url)

    return await root.archive.database.scan(work)
