"""How a selection is cited: which works, under which licences, and with whose thanks."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from app.access.callers import Caller
from app.archive import Archive
from app.citing import apa, bibtex, csl, ris
from app.citing.formats import FORMATS, in_script, write
from app.citing.work import Licence, Work, cleaned
from app.errors import NotAcceptable
from app.registry.rights import Known, Register
from app.services import works
from app.services.citable import cart_work
from app.services.roots import enter, known, open_cart
from app.services.works import Cited
from app.threads import in_thread
from app.viewer import Viewer

#: The name of our own form, of which it is one among others.
OURS = "json"


@dataclass(frozen=True, slots=True)
class Citation:
    """All that is to be cited for a selection: works, each licence with the slugs of those that are under it,
    acknowledgements, each once, and other texts with their DOIs.
    """

    works: tuple[Work, ...]
    licences: Mapping[Licence, tuple[str, ...]]
    acknowledgements: tuple[str, ...]
    also: tuple[tuple[str, str], ...]


async def collection(archive: Archive, caller: Caller, slug: str, version: int | None, host: str) -> Citation:
    """What is to be cited of a collection or a version of it; of an analysis result its sources too.

    Raises NotSignedIn, NotFound.
    """
    register, viewer = await enter(archive, caller)
    found = known(register, viewer, slug)
    sources = [(each.slug, None) for each in _sources(register, viewer, found)]
    return await selection(archive, register, viewer, [(slug, version), *sources], host)


async def cart(archive: Archive, caller: Caller, key: str, host: str) -> Citation:
    """What is to be cited of a cart: itself, and the collections that it is taken from.

    Raises NotSignedIn, NotFound.
    """
    register, viewer, found = await open_cart(archive, caller, key)
    whole, cited = await cart_work(archive, register, viewer, found, host)
    return _together(cited, whole)


async def selection(
    archive: Archive, register: Register, viewer: Viewer, parts: Iterable[tuple[str, int | None]], host: str
) -> Citation:
    """What is to be cited of parts of these collections, or of versions of them. Raises NotFound."""
    return _together(await works.read(archive, register, viewer, dict.fromkeys(parts), host), None)


def _together(cited: list[Cited], whole: Work | None) -> Citation:
    found = tuple(each.work for each in cited)
    under: dict[Licence, tuple[str, ...]] = {}
    for work in found:
        for licence in work.licences:
            under[licence] = (*under.get(licence, ()), work.slug)
    thanks = dict.fromkeys(each.acknowledgement for each in found if each.acknowledgement)
    also = dict.fromkeys(each for one in cited for each in one.also)
    return Citation((*([whole] if whole else []), *found), under, tuple(thanks), tuple(also))


def _sources(register: Register, viewer: Viewer, found: Known) -> list[Known]:
    rows = register.sources.get(found.id, frozenset())
    return [each for each in register.collections.values() if each.id in rows and each.is_known_to(viewer)]


async def written(citation: Citation, name: str) -> bytes:
    """The citation in one of FORMATS: all works in those that take several, else the first."""
    if name not in FORMATS:
        offered = (OURS, *FORMATS)
        raise NotAcceptable(f"The forms to be had here are: {', '.join(offered)}.", offered)
    return await in_thread(_written, citation.works, name)


def _written(found: tuple[Work, ...], name: str) -> bytes:
    if join := _SEVERAL.get(name):
        return join([cleaned(each) for each in found])
    return write(name, found[0])


_SEVERAL: dict[str, Callable[[list[Work]], bytes]] = {
    "bibtex": lambda found: "\n".join(map(bibtex.entry, found)).encode(),
    "ris": lambda found: "\r\n".join(map(ris.reference, found)).encode(),
    "apa": lambda found: "\n".join(map(apa.text, found)).encode(),
    "csl": lambda found: in_script([csl.item(each) for each in found] if found[1:] else csl.item(found[0])),
}
