"""What goes with data that leave the archive: under which licences they are, and how they are to be cited."""

from collections.abc import Collection, Iterable, Iterator

from app.access.licences import described
from app.archive import Archive
from app.citing import apa
from app.citing.work import cleaned
from app.registry import collections
from app.registry.collections import Entry, Filters
from app.services import cite
from app.services.cite import Citation
from app.services.root import Root
from app.viewer import Viewer

DOI = "https://doi.org/"
#: How a collection is headed of which the caller may not know more.
_UNNAMED = "A further collection"


async def notes(root: Root, of: Collection[int]) -> dict[str, bytes]:
    """The texts for what a root shows of these collections, each under the name of its entry."""
    found = await entries(root.archive, root.viewer, of)
    register = await root.archive.rights.register()
    named = [(entry.slug, root.scope.version) for entry, named in found if named]
    cited = await cite.selection(root.archive, register, root.viewer, named, root.host)
    return {"LICENSE.txt": _text(licences(found)), "CITATION.txt": _text(citations(cited))}


async def entries(archive: Archive, viewer: Viewer, of: Collection[int]) -> list[tuple[Entry, bool]]:
    """These collections, each with whether it may be named: of one that the viewer may not know of there is
    but its licence.
    """
    register = await archive.rights.register()
    known = {each.id for each in register.collections.values() if each.is_known_to(viewer)}
    found = await archive.database.scan(
        lambda connection: collections.page(connection, of, Filters(), "", None)
    )
    return [(each, each.id in known) for each in found]


def licences(found: Iterable[tuple[Entry, bool]]) -> Iterator[str]:
    """The licence of each collection in plain words; as `entries` has them."""
    yield "The licence of the data, by the collection that they are from."
    for entry, named in sorted(found, key=lambda pair: not pair[1]):
        yield ""
        yield _heading(entry) if named else _UNNAMED
        if not entry.licence:
            yield "  No licence is stated: ask those who made the collection what you may do with it."
            continue
        licence = described(entry.licence, str(entry.record.licence_url or ""))
        yield f"  {licence.name} ({licence.id})"
        if licence.url:
            yield f"  {licence.url}"
        for sentence in licence.permissions.in_words() if licence.permissions else ():
            yield f"  {sentence}"


def citations(cited: Citation) -> Iterator[str]:
    """How the works, and what belongs to them, want to be cited."""
    yield "Whoever uses the data cites the collections that they are from."
    for work in cited.works:
        yield ""
        yield f"  {apa.text(cleaned(work))}"
    for text, doi in cited.also:
        yield f"  {' '.join(text.split())}{f' {DOI}{doi}' if doi else ''}"
    for thanks in cited.acknowledgements:
        yield ""
        yield f"  {' '.join(thanks.split())}"


def _heading(entry: Entry) -> str:
    return f"{entry.title} ({entry.slug})"


def _text(lines: Iterable[str]) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode()
