"""What machines that know nothing of the archive find it by: the addresses of its pages, and its DOIs."""

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection

from app.access.callers import STRANGER, Caller
from app.archive import Archive
from app.errors import NotFound
from app.registry import carts, collections, dois, versions
from app.registry.carts import Cart
from app.registry.collections import Filters
from app.registry.dois import Doi
from app.services.roots import enter, is_for, known, version_of

#: Of a sitemap (https://www.sitemaps.org/protocol.html).
MOST = 50_000


class PageOf(NamedTuple):
    """A page, by its path, and when it was changed."""

    path: str
    changed_at: datetime | None


async def pages(archive: Archive) -> list[PageOf]:
    """Those that strangers may look at and that stay: of collections, versions, and carts with a DOI."""
    register = await archive.rights.register()
    viewer = await archive.rights.viewer(STRANGER, register)
    visible = {each.id: each for each in register.collections.values() if each.is_known_to(viewer)}

    def read(connection: Connection) -> list[PageOf]:
        found = collections.matching(connection, visible, Filters())
        # A version stays as it is: when it was published says it all.
        published = versions.behind(connection, visible, 0, MOST)
        shown = [PageOf(f"/collections/{slug}", changed) for slug, changed in found.values()]
        shown += [
            PageOf(
                f"/collections/{visible[each.collection_id].slug}/versions/{each.number}", each.published_at
            )
            for each in published
        ]
        return [*shown, *(PageOf(f"/carts/{key}", None) for key in dois.of_carts(connection))][:MOST]

    return await archive.database.scan(read) if viewer.may else []


async def page_of(archive: Archive, caller: Caller, identifier: str) -> str:
    """The path of the page of a DOI, or of a local identifier. Raises NotSignedIn, and NotFound for one that
    is not of here, or that the caller may not know of.
    """
    register, viewer = await enter(archive, caller)
    name = identifier.replace("\0", " ").lower()

    def read(connection: Connection) -> tuple[Doi | None, Cart | None]:
        doi = dois.find(connection, name)
        kind, _, key = doi.of.partition("/") if doi else ("", "", "")
        # Looked for in any case: what is hidden takes as long as what is not there.
        return doi, carts.find(connection, key if kind == "cart" else "none")

    doi, cart = await archive.database.lookup(read)
    if cart and is_for(cart, caller, viewer):
        return f"/carts/{cart.key}"
    slug = next(
        (each.slug for each in register.collections.values() if doi and each.id == doi.collection_id), ""
    )
    found = known(register, viewer, slug)
    if doi is None:
        raise NotFound
    number = "" if doi.version is None else f"/versions/{version_of(found, str(doi.version))}"
    return f"/collections/{slug}{number}"
