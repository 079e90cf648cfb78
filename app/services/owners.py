"""Who may decide about a collection: those who hold OWN in it, or at one of its sites."""

from app.access.callers import Caller
from app.archive import Archive
from app.errors import Forbidden, NotSignedIn
from app.registry.reach import Reach, reach
from app.registry.rights import Known
from app.services.roots import enter, known, require
from app.viewer import Capability


async def owned(archive: Archive, caller: Caller, slug: str) -> Known:
    """The collection of this name, for those who own it. Raises NotSignedIn, NotFound, Forbidden."""
    register, viewer = await enter(archive, caller)
    found = known(register, viewer, slug)
    require_sign_in(caller)
    require(viewer, found, Capability.OWN)
    return found


async def reached(archive: Archive, caller: Caller) -> Reach:
    """What the caller reaches, who has signed in. Raises NotSignedIn."""
    register, viewer = await enter(archive, caller)
    require_sign_in(caller)
    return reach(register, caller, viewer)


def require_sign_in(caller: Caller) -> None:
    """Raises NotSignedIn for strangers."""
    if not caller.signed_in:
        raise NotSignedIn


def require_person(person: int | None) -> int:
    """The row of the person who acts. Raises Forbidden for credentials that do not stand for all of one."""
    if person is None:
        raise Forbidden("This is for people: sign in as one, or use a token that is not narrowed.")
    return person
