"""Groups of people, to whom roles are granted together: `/api/v1/groups`."""

from dataclasses import asdict
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field

from app.registry import groups as registry
from app.routers.api import PREFIX, After, Limit, Page, page, problems
from app.routers.dependencies import ACaller, AnArchive
from app.routers.given import SLUG, Body, Line, Moment, RowPath, Slug, row_after
from app.routers.people import Person
from app.routers.tagged import matching, tagged
from app.services import groups

router = APIRouter(prefix=f"{PREFIX}/groups", tags=["groups"])


_AfterGroup = Annotated[str, Query(pattern=f"{SLUG}|^$", description="The `next` of the page before")]


class NewGroup(Body):
    """A group, still without members."""

    slug: Slug = Field(examples=["radiologists"])
    name: Line = Field(examples=["Radiologists of the reader study"])


class GroupChange(Body):
    """Its new name."""

    name: Line = Field(examples=["Readers of the second round"])


class Group(BaseModel):
    """A group."""

    slug: str = Field(examples=["radiologists"])
    name: str = Field(examples=["Radiologists of the reader study"])
    members: int = Field(examples=[3], description="How many are or were in it")
    created_at: datetime = Field(examples=["2026-01-01T00:00:00Z"])


class Membership(Body):
    """Until when somebody is in the group."""

    ends_at: Moment | None = Field(default=None, examples=["2030-01-01T00:00:00Z"])


class Member(BaseModel):
    """Somebody in a group, until a moment."""

    person: Person
    ends_at: datetime | None = Field(examples=["2030-01-01T00:00:00Z"])


@router.get("", responses=problems(400, 401))
async def list_groups(
    archive: AnArchive, caller: ACaller, after: _AfterGroup = "", limit: Limit = 100
) -> Page[Group]:
    """List the groups that you are in; all of them, if you own a collection."""
    found = await groups.page(archive, caller, after, limit + 1)
    return page([_told(each) for each in found], limit, "slug")


@router.post("", status_code=201, responses=problems(400, 401, 403, 409))
async def create_group(
    body: NewGroup, archive: AnArchive, caller: ACaller, request: Request, response: Response
) -> Group:
    """Make a group: for administrators."""
    made = await groups.create(archive, caller, body.slug, body.name)
    response.headers["Location"] = f"{PREFIX}/groups/{made.slug}"
    return tagged(request, response, _told(made))


@router.get("/{group}", responses=problems(400, 401, 404))
async def get_group(
    group: Slug, archive: AnArchive, caller: ACaller, request: Request, response: Response
) -> Group:
    """Read a group."""
    return tagged(request, response, _told(await groups.get(archive, caller, group)))


@router.patch("/{group}", responses=problems(400, 401, 403, 404, 412))
async def rename_group(
    group: Slug, body: GroupChange, archive: AnArchive, caller: ACaller, request: Request, response: Response
) -> Group:
    """Give a group another name: for administrators."""
    found = await groups.rename(archive, caller, group, body.name, matching(request, _told))
    return tagged(request, response, _told(found))


@router.delete("/{group}", status_code=204, responses=problems(400, 401, 403, 404, 409, 412))
async def delete_group(group: Slug, archive: AnArchive, caller: ACaller, request: Request) -> None:
    """Forget a group to which nothing was ever granted: for administrators."""
    await groups.remove(archive, caller, group, matching(request, _told))


@router.get("/{group}/members", responses=problems(400, 401, 403, 404))
async def list_members(
    group: Slug, archive: AnArchive, caller: ACaller, after: After = "", limit: Limit = 100
) -> Page[Member]:
    """List who is in a group: for administrators, and for those who own a collection and may grant to it."""
    found = await groups.members(archive, caller, group, row_after(after), limit + 1)
    following = str(found[limit - 1].person) if len(found) > limit else None
    return Page(items=[_member(each) for each in found[:limit]], next=following)


@router.put("/{group}/members/{person}", responses={201: {}, **problems(400, 401, 403, 404)})
async def put_member(
    group: Slug, person: RowPath, body: Membership, archive: AnArchive, caller: ACaller, response: Response
) -> Member:
    """Have somebody in a group until then: for administrators."""
    found, new = await groups.put_in(archive, caller, group, person, body.ends_at)
    response.status_code = 201 if new else 200
    return _member(found)


@router.delete("/{group}/members/{person}", status_code=204, responses=problems(400, 401, 403, 404))
async def delete_member(group: Slug, person: RowPath, archive: AnArchive, caller: ACaller) -> None:
    """Take somebody out of a group: for administrators."""
    await groups.take_out(archive, caller, group, person)


def _told(found: registry.Group) -> Group:
    return Group.model_validate(asdict(found))


def _member(found: registry.Member) -> Member:
    return Member(person=Person(id=found.person, name=found.name), ends_at=found.ends_at)
