"""Why there is nothing at an address for this caller: nothing they may know of, or nothing they may take."""

from typing import NoReturn
from urllib.parse import quote

from app.access.decide import how_to_get_in
from app.dicom.resource import Resource
from app.errors import Forbidden, NotFound, NotSignedIn
from app.index import locate
from app.models.types import now
from app.services.root import Root
from app.viewer import Capability


async def refuse(root: Root, resource: Resource) -> NoReturn:
    """Raises NotFound for what is hidden as for what is unknown, by the same statements. Of what they may
    find Forbidden, or NotSignedIn where they have not, with the way to get it.
    """
    finder = root.viewer.at(Capability.FIND)
    if finder == root.viewer:
        raise NotFound
    unit = await root.archive.database.lookup(
        lambda connection: locate.access_unit(connection, root.scope, finder, resource)
    )
    if unit is None or unit in root.viewer.units:
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
