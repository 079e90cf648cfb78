"""The DICOMweb roots (design section 3): which part of the archive, for whom."""

from dataclasses import replace

from app.access.callers import Caller
from app.archive import Archive
from app.errors import Forbidden, NotFound, NotSignedIn
from app.index.scope import ARCHIVE, Scope
from app.index.writer import Place
from app.models.collections import OPEN
from app.registry import carts, submissions
from app.registry.carts import Cart
from app.registry.rights import INBOX, Known, Register
from app.registry.submissions import Submission
from app.services.root import Root
from app.viewer import Capability, Viewer

#: With any of these somebody may send something.
SENDING = (Capability.SUBMIT, Capability.ANNOTATE)


async def enter(archive: Archive, caller: Caller) -> tuple[Register, Viewer]:
    """All there is, and what the caller may do. Raises NotSignedIn where strangers may do nothing at all."""
    register = await archive.rights.register()
    viewer = await archive.rights.viewer(caller, register)
    if not (caller.signed_in or viewer.may):
        raise NotSignedIn
    return register, viewer


def known(register: Register, viewer: Viewer, slug: str) -> Known:
    """The collection of this name. Raises NotFound, also where the viewer may not know of it."""
    found = register.collections.get(slug)
    if found is None or not found.is_known_to(viewer):
        raise NotFound
    return found


def require(viewer: Viewer, collection: Known, capability: Capability, site: int | None = None) -> None:
    """Raises Forbidden where the viewer does not hold the capability in the collection, or at its site.

    Who holds it at one site only does not hold it in the collection.
    """
    units = (unit.id for unit in collection.units if unit.site in (None, site))
    if not any(viewer.holds(capability, unit) for unit in units):
        raise Forbidden(f"You may not do this here: it takes the right {capability.value!r}.")


async def archive_root(archive: Archive, caller: Caller, host: str) -> Root:
    """All published data that the caller may see; what is stored goes to the inbox. Raises NotSignedIn."""
    if caller.everything and not caller.narrowed:
        viewer = Viewer(caller.name, sees_all=True, person=caller.person)
    else:
        _, viewer = await enter(archive, caller)
    return Root(archive, ARCHIVE, viewer, host, "/dicom-web", INBOX)


async def bare_root(archive: Archive, caller: Caller, host: str) -> Root:
    """All published data but analysis results. Raises NotSignedIn."""
    register, viewer = await enter(archive, caller)
    scope = Scope(without=frozenset(register.sources))
    return Root(archive, scope, viewer, host, "/without-results/dicom-web", INBOX)


async def collection_root(archive: Archive, caller: Caller, host: str, slug: str) -> Root:
    """One collection, latest version. Raises NotSignedIn, NotFound."""
    register, viewer = await enter(archive, caller)
    found = known(register, viewer, slug)
    scope = Scope(found.id, alone=len(found.units) == 1)
    return Root(archive, scope, viewer, host, f"/collections/{slug}/dicom-web", slug)


async def version_root(archive: Archive, caller: Caller, host: str, slug: str, number: str) -> Root:
    """One collection as it was published for the so-manieth time. Raises NotSignedIn, NotFound."""
    register, viewer = await enter(archive, caller)
    found = known(register, viewer, slug)
    version = version_of(found, number)
    scope = Scope(found.id, version=version, alone=len(found.units) == 1)
    return Root(archive, scope, viewer, host, f"/collections/{slug}/versions/{version}/dicom-web", slug)


def version_of(collection: Known, number: str) -> int:
    """The version of this number. Raises NotFound where it was not published."""
    version = int(number) if number.isascii() and number.isdigit() and len(number) < 10 else 0
    if not 1 <= version <= collection.latest_version or str(version) != number:
        raise NotFound("There is no such version.")
    return version


async def enriched_root(archive: Archive, caller: Caller, host: str, slug: str) -> Root:
    """One collection, and the analysis results that lie in its studies. Raises NotSignedIn, NotFound."""
    register, viewer = await enter(archive, caller)
    found = known(register, viewer, slug)
    results = register.results(found.id)
    scope = Scope(found.id, alone=len(found.units) == 1 and not results, beside=results)
    return Root(archive, scope, viewer, host, f"/collections/{slug}/with-results/dicom-web", slug)


async def cart_root(archive: Archive, caller: Caller, host: str, key: str) -> Root:
    """The series of a cart, as far as the caller sees them. Raises NotSignedIn, NotFound."""
    _, viewer, cart = await open_cart(archive, caller, key)
    return Root(archive, Scope(cart=cart.id), viewer, host, f"/carts/{cart.key}/dicom-web", INBOX)


async def open_cart(archive: Archive, caller: Caller, key: str) -> tuple[Register, Viewer, Cart]:
    """A cart, and what the caller may do with what is in it.

    By a link to it, what its maker may. Raises NotSignedIn, and NotFound where it is not for the caller.
    """
    register, viewer = await enter(archive, caller)
    found = await archive.database.lookup(lambda connection: carts.find(connection, key))
    if found is None or not is_for(found, caller, viewer):
        raise NotFound
    # Of the collections that the series are from they are told nothing more.
    shown = replace(viewer, studies=None, named=frozenset()) if caller.cart else viewer
    return register, shown, found


def is_for(cart: Cart, caller: Caller, viewer: Viewer) -> bool:
    """Whether the caller may open the cart."""
    if caller.by_link and caller.cart != cart.id:
        return cart.audience == "anyone"
    # By a link to it: as long as who made that may open it themselves.
    own = caller.signed_in and cart.person_id == caller.person
    registered = cart.audience == "registered" and caller.signed_in
    maker_sees_all = caller.by_link and caller.everything
    return viewer.sees_all or maker_sees_all or own or registered or cart.audience == "anyone"


async def submission_root(archive: Archive, caller: Caller, host: str, key: str) -> Root:
    """The drafts of one submission, for its submitter and the curators. Raises NotSignedIn, NotFound."""
    register, viewer = await enter(archive, caller)
    found = await archive.database.lookup(lambda connection: submissions.find(connection, key))
    if found is None or not may_see(found, viewer):
        raise NotFound
    return _of_submission(archive, register, viewer, host, found)


def may_see(submission: Submission, viewer: Viewer) -> bool:
    """Whether the viewer is who sent it and still may submit, or a curator of where it goes."""
    unit = submission.access_unit_id
    sent = viewer.person is not None and submission.person_id == viewer.person
    may_send = any(viewer.holds(each, unit) for each in SENDING)
    return (sent and may_send) or viewer.holds(Capability.CURATE, unit)


async def destination(root: Root) -> Root:
    """The root at which what is stored into this one will be seen, with its place.

    That is the same where its data are shown at once to this caller; else that of their open submission,
    opened where there is none. Raises NotFound, Forbidden.
    """
    if root.place:
        return root
    if root.scope.submission is not None:
        raise Forbidden("This submission takes nothing more: it is no longer open.")
    if root.viewer.person is None and not root.viewer.sees_all:
        raise NotSignedIn("Sign in to store: what is stored has a submitter.")
    register = await root.archive.rights.register()
    found = known(register, root.viewer, root.collection)
    unit, results_only = _unit(found, root.viewer)
    if found.rolling and root.viewer.holds(Capability.FIND, unit):
        return replace(root, place=Place(found.id, unit), results_only=results_only)
    person = root.viewer.person
    opened = await root.archive.database.write(
        lambda connection: submissions.open_of(connection, found.id, unit, person)
    )
    return _of_submission(root.archive, register, root.viewer, root.host, opened)


async def deidentifying(into: Root) -> Known | None:
    """The collection where a root's place is, if it de-identifies what it is sent."""
    assert into.place
    register = await into.archive.rights.register()
    own = (each for each in register.collections.values() if each.id == into.place.collection)
    return next((each for each in own if each.deidentifies), None)


def _unit(collection: Known, viewer: Viewer) -> tuple[int, bool]:
    """The first access unit into which the viewer may store, and whether only results. Raises Forbidden."""
    if collection.kind == "external":
        raise Forbidden("This is a record of something that is elsewhere: it holds no data.")
    for capability in (Capability.SUBMIT, Capability.CURATE, Capability.ANNOTATE):
        for unit in collection.units:
            if viewer.holds(capability, unit.id):
                return unit.id, capability is Capability.ANNOTATE
    raise Forbidden("You may not store into this collection.")


def _of_submission(
    archive: Archive, register: Register, viewer: Viewer, host: str, found: Submission
) -> Root:
    """The drafts, with all rights, and beside them what the viewer may do with what is published."""
    unit, everything = frozenset({found.access_unit_id}), frozenset(register.units)
    # The reader may do everything with the drafts: what stands beside them, the viewer may take.
    taking = viewer.where(Capability.VIEW) & viewer.where(Capability.DOWNLOAD)
    context = everything if viewer.sees_all else viewer.units & taking
    may = dict.fromkeys(Capability, unit | context)
    reader = Viewer(viewer.name, units=unit | context, person=viewer.person, may=may)
    place = Place(found.collection_id, found.access_unit_id, found.id) if found.state == OPEN else None
    scope = Scope(submission=found.id, context=context, alone=not context)
    path = f"/submissions/{found.key}/dicom-web"
    only = not any(
        viewer.holds(each, found.access_unit_id) for each in (Capability.SUBMIT, Capability.CURATE)
    )
    return Root(archive, scope, reader, host, path, found.collection, place, only)
