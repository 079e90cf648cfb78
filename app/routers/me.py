"""Who the caller is, and what they may do: `/api/v1/me`."""

from fastapi import APIRouter
from pydantic import BaseModel, Field

from app.registry import people
from app.routers.api import PREFIX, problems
from app.routers.dependencies import ACaller, AnArchive
from app.viewer import Capability

router = APIRouter(prefix=PREFIX, tags=["me"])


class Me(BaseModel):
    """The caller."""

    name: str = Field(examples=["Mary Major"])
    person: int | None = Field(examples=[12], description="Their number; null for the owner and strangers")
    signed_in: bool
    using: str = Field(
        examples=["session:9"],
        description="What they sent: `session`, `personal` or `link` with its number, or `jwt`",
    )
    administrator: bool
    auditor: bool
    narrowed: bool = Field(description="Whether what they sent stands for less than its person")
    sees_all: bool = Field(
        description="Whether they may do everything in every collection, none is listed then"
    )
    collections: dict[str, list[Capability]] = Field(
        examples=[{"lung-ct": ["metadata.read", "pixel.read"]}],
        description="What they may do in some part of each collection",
    )
    groups: list[str] = Field(examples=[["site-a"]])


@router.get("/me", responses=problems(401))
async def who_am_i(archive: AnArchive, caller: ACaller) -> Me:
    """Say who sent this, how they signed in, and what they may do."""
    register = await archive.rights.register()
    viewer = await archive.rights.viewer(caller, register)
    able = {
        slug: [each for each in Capability if any(unit.id in viewer.where(each) for unit in known.units)]
        for slug, known in register.collections.items()
        if known.is_known_to(viewer)
    }
    # Who follows a link is not told whose it is.
    by_link, groups = caller.using.startswith("link:"), list[str]()
    name, person = ("the bearer of a link", None) if by_link else (caller.name, caller.person)
    if person is not None:
        found = await archive.database.lookup(lambda connection: people.get(connection, person))
        groups = await archive.database.lookup(lambda connection: people.groups(connection, person))
        name = found.name if found else name
    return Me(
        name=name,
        person=person,
        signed_in=caller.signed_in,
        using=caller.using,
        administrator=caller.everything and not caller.narrowed,
        auditor=caller.audits,
        narrowed=caller.narrowed,
        sees_all=viewer.sees_all,
        collections={slug: each for slug, each in able.items() if each},
        groups=groups,
    )
