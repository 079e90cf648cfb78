"""What can have a DOI, and what may be said of it to whom."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from app.access.callers import Caller
from app.archive import Archive
from app.citing.work import Name, Publisher, Related, Work
from app.errors import Forbidden, NotFound
from app.index import carts as contents
from app.index.carts import Part
from app.registry import carts, dois
from app.registry.carts import Cart
from app.registry.dois import PUBLIC
from app.registry.rights import Register
from app.services import carts as opened
from app.services import works
from app.services.roots import enter, known, require
from app.services.works import Cited, home, sizes
from app.viewer import Capability, Viewer

#: Who may open a cart that anyone is told of.
ANYONE = "anyone"


class Citable(Protocol):
    """Something that can have a DOI: `of` names it in the table, `local` is its identifier without DOIs."""

    @property
    def of(self) -> str: ...

    @property
    def local(self) -> str: ...

    @property
    def collection(self) -> int | None: ...

    @property
    def version(self) -> int | None: ...

    async def work(self, archive: Archive, register: Register, viewer: Viewer) -> Work:
        """What the viewer may be told of it. Raises NotFound where that is nothing."""


@dataclass(frozen=True, slots=True)
class OfCollection:
    """A collection or analysis result, or a version of it."""

    id: int
    slug: str
    version: int | None = None

    @property
    def of(self) -> str:
        """`collection/5`, `version/5/2`."""
        return f"collection/{self.id}" if self.version is None else f"version/{self.id}/{self.version}"

    @property
    def local(self) -> str:
        """As in its address."""
        return self.slug if self.version is None else f"{self.slug}/versions/{self.version}"

    @property
    def collection(self) -> int:
        """The row of the collection."""
        return self.id

    async def work(self, archive: Archive, register: Register, viewer: Viewer) -> Work:
        """What the viewer may be told of it. Raises NotFound where that is nothing."""
        asked = [(self.slug, self.version)]
        return (await works.read(archive, register, viewer, asked, home(archive.settings)))[0].work


@dataclass(frozen=True, slots=True)
class OfCart:
    """A cart."""

    key: str
    collection: None = None
    version: None = None

    @property
    def of(self) -> str:
        """`cart/` and its key."""
        return f"cart/{self.key}"

    @property
    def local(self) -> str:
        """As in its address."""
        return f"carts/{self.key}"

    async def work(self, archive: Archive, register: Register, viewer: Viewer) -> Work:
        """What is public of it. Raises NotFound where it is not for anyone, or they find nothing in it."""
        key = self.key
        cart = await archive.database.lookup(lambda connection: carts.find(connection, key))
        if cart is None or cart.audience != ANYONE:
            raise NotFound
        work, cited = await cart_work(archive, register, viewer, cart, home(archive.settings))
        if not cited:
            raise NotFound
        return work


async def cart_work(
    archive: Archive, register: Register, viewer: Viewer, cart: Cart, host: str
) -> tuple[Work, list[Cited]]:
    """A cart, and the collections that it is taken from, as the viewer may know them: what else these hold,
    who opens the cart is not told.
    """
    parts = await archive.database.scan(lambda connection: contents.parts(connection, cart.id, viewer))
    held = {each.collection for each in parts}
    named = [
        (each.slug, None)
        for each in register.collections.values()
        if each.id in held and each.is_known_to(viewer)
    ]
    cited = await works.read(archive, register, viewer, named, host, counted=False)
    doi = await archive.database.lookup(lambda connection: dois.of(connection, OfCart(cart.key).of))
    settings = archive.settings
    accesses = {each.work.access for each in cited}
    work = Work(
        "cart",
        f"cart-{cart.key[:8]}",
        cart.name,
        Publisher(settings.publisher, settings.publisher_ror),
        f"{host}/carts/{cart.key}",
        host,
        # Who made it is told to nobody: the archive stands for them.
        authors=(Name(settings.publisher),),
        issued=cart.created_at.date(),
        identifier=doi.identifier if doi and doi.state in PUBLIC else "",
        licences=tuple(dict.fromkeys(licence for each in cited for licence in each.work.licences)),
        access="open" if accesses == {"open"} else "restricted",
        summary=cart.description,
        related=tuple(Related(each.work.doi, "IsPartOf") for each in cited if each.work.doi),
        sizes=tuple(sizes(_counted(parts))),
        formats=("application/dicom",) if parts else (),
    )
    return work, cited


def _counted(parts: Iterable[Part]) -> Counter[str]:
    counts = Counter[str]()
    for part in parts:
        counts.update(series=part.series, instances=part.instances, bytes=part.bytes)
    return counts


def _of_collection(register: Register, row: str, version: str = "") -> OfCollection:
    for each in register.collections.values():
        if str(each.id) == row:
            return OfCollection(each.id, each.slug, int(version) if version else None)
    raise NotFound


def _of_cart(_: Register, key: str) -> OfCart:
    return OfCart(key)


#: How what an identifier stands for is found again, by the beginning of `of`.
CITABLE: dict[str, Callable[..., Citable]] = {
    "collection": _of_collection,
    "version": _of_collection,
    "cart": _of_cart,
}


async def of_collection(
    archive: Archive, caller: Caller, slug: str, version: int | None = None
) -> OfCollection:
    """A collection, or a version of it, for those who own it. Raises NotSignedIn, NotFound, Forbidden."""
    register, viewer = await enter(archive, caller)
    found = known(register, viewer, slug)
    require(viewer, found, Capability.OWN)
    if caller.studies is not None:
        raise Forbidden("Your link shows studies only: sign in to look after the collection.")
    if version is not None and not 1 <= version <= found.latest_version:
        raise NotFound
    return OfCollection(found.id, slug, version)


async def of_cart(archive: Archive, caller: Caller, key: str) -> OfCart:
    """A cart, for who made it and comes as themselves. Raises NotSignedIn, NotFound, Forbidden."""
    if not (await opened.one(archive, caller, key)).own or caller.narrowed:
        raise Forbidden("Only who made a cart asks for its DOI.")
    return OfCart(key)
