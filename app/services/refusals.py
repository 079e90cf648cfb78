"""Why there is nothing at an address for this caller: nothing they may know of, or nothing they may take."""

from typing import NoReturn
from urllib.parse import quote

from app.access.decide import how_to_get_in
from app.dicom.resource import Resource
from app.errors import Forbidden, Gone, NotFound, NotSignedIn
from app.index import locate, tombstones
from app.models.types import now
from app.services.root import Root
from app.viewer import Capability, Viewer


async def refuse(root: Root, resource: Resource) -> NoReturn:
    """Raises NotFound for what is hidden as for what is unknown, by the same statements. Of what they may
    find Forbidden, or NotSignedIn where they have not, with the way to get it; of what they could find before
    it was withdrawn or purged Gone, with the reason.
    """
    finder = root.viewer.at(Capability.FIND)
    unit = None
    if finder != root.viewer:
        unit = await root.archive.database.lookup(
            lambda connection: locate.access_unit(connection, root.scope, finder, resource)
        )
    if unit is None or unit in root.viewer.units:
        await _refuse_gone(root, finder, resource)
        raise NotFound
    register = await root.archive.rights.register()
    collection = next(each for each in register.collections.values() if register.units[unit] in each.units)
    told = how_to_get_in(register.units[unit], now(), finds_only=not root.viewer.holds(Capability.VIEW, unit))
    address = f"{root.host}/api/v1/collections/{quote(collection.slug, safe='')}"
    more = {
        "collection": collection.slug,
        "tier": register.units[unit].tier,
        "explain": f"{address}/explain",
        "request_access": f"{address}/requests",
    }
    raise (NotSignedIn if root.viewer.person is None else Forbidden)(told, **more)


async def _refuse_gone(root: Root, finder: Viewer, resource: Resource) -> None:
    gone = await root.archive.database.lookup(
        lambda connection: tombstones.find(connection, root.scope, finder, resource)
    )
    if gone is None:
        return
    told: dict[str, object] = {"reason": gone.reason, "date": gone.at.date().isoformat()}
    if gone.purged or gone.version is None:
        raise Gone("It was removed for good.", **told)
    register = await root.archive.rights.register()
    of = next(each for each in register.collections.values() if each.id == gone.collection)
    if gone.version > 1 and of.is_known_to(finder):
        last = f"/collections/{quote(of.slug, safe='')}/versions/{gone.version - 1}/dicom-web"
        told["last_version"] = root.host + last
    raise Gone("It was withdrawn: earlier versions of the collection still hold it.", **told)
