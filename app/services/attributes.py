"""Which attributes occur in what the viewer may see, and with which values: what one could search for."""

from app.archive import Archive
from app.dicom.attributes import Attribute, find
from app.errors import InvalidQuery, NotFound
from app.index import occurrences
from app.index.occurrences import Occurrence, Value
from app.index.scope import ARCHIVE, Scope
from app.services.roots import known
from app.viewer import Viewer


async def scope_of(archive: Archive, viewer: Viewer, collection: str | None) -> Scope:
    """The whole archive, or the collection of this name. Raises NotFound."""
    if collection is None:
        return ARCHIVE
    return Scope(known(await archive.rights.register(), viewer, collection).id)


async def occurring(
    archive: Archive, scope: Scope, viewer: Viewer, matching: str, limit: int, offset: int
) -> list[Occurrence]:
    """A page of the attributes that occur, by key. Raises InvalidQuery."""
    if "\0" in matching:
        raise InvalidQuery("The parameter matching takes text without NUL.")
    return await archive.database.scan(
        lambda connection: occurrences.attributes(
            connection, scope, viewer, matching=matching, limit=limit, offset=offset
        )
    )


async def one(
    archive: Archive, scope: Scope, viewer: Viewer, name: str, limit: int, offset: int
) -> tuple[Attribute, list[Occurrence], list[Value]]:
    """An attribute by any of its names, with a page of its values. Raises NotFound where none is seen."""
    attribute = find(name) if "\0" not in name else None
    if attribute is None:
        raise NotFound
    path = attribute.key
    occurs = await archive.database.scan(lambda c: occurrences.attribute(c, scope, viewer, path))
    if not occurs:
        raise NotFound
    values = await archive.database.scan(
        lambda c: occurrences.values(c, scope, viewer, path, limit=limit, offset=offset)
    )
    return attribute, occurs, values
