"""People, for administrators: `/api/v1/people`."""

from datetime import datetime
from hashlib import sha256
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from app.access.callers import Caller
from app.errors import NotFound, NotModified
from app.registry import people as rows
from app.routers.api import PREFIX, After, Limit, Page, page, problems, require_match
from app.routers.dependencies import AnArchive, get_caller
from app.routers.responses import CACHING
from app.routers.words import Row, number
from app.services import people
from app.wire.conditional import etag, if_none_match

router = APIRouter(prefix=f"{PREFIX}/people", tags=["people"])


async def _administrator(request: Request) -> Caller:
    caller = await get_caller(request)
    people.require_administrator(caller)
    return caller


Administrator = Annotated[Caller, Depends(_administrator)]


class Somebody(BaseModel):
    """Somebody who signed in, or has an account here."""

    id: int = Field(examples=[12])
    issuer: str = Field(examples=[""], description="The OpenID provider's; empty for an account here")
    subject: str = Field(examples=["mary"], description="Their name there, or here")
    name: str = Field(examples=["Mary Major"])
    email: str = Field(examples=["mary@example.org"])
    admin: bool
    auditor: bool
    disabled: bool = Field(description="Then whatever they send to sign in is refused")
    created_at: datetime


class Change(BaseModel):
    """What is to be different."""

    model_config = ConfigDict(extra="forbid")

    admin: bool | None = None
    auditor: bool | None = None
    disabled: bool | None = None


@router.get("", responses=problems(400, 401, 403))
async def list_people(
    archive: AnArchive, _: Administrator, after: After = "0", limit: Limit = 100
) -> Page[Somebody]:
    """List everybody, in the order in which they came."""
    start = number(after)
    found = await archive.database.lookup(lambda connection: rows.page(connection, start, limit + 1))
    return page([_told(each) for each in found], limit, "id")


@router.get("/{person}", responses=problems(401, 403, 404))
async def get_person(
    request: Request, response: Response, archive: AnArchive, _: Administrator, person: Row
) -> Somebody:
    """Look at somebody."""
    found = await archive.database.lookup(lambda connection: rows.get(connection, person))
    if found is None:
        raise NotFound
    told = _told(found)
    if if_none_match(request.headers.get("if-none-match"), _tag(told)):
        raise NotModified(_tag(told))
    response.headers.update({**CACHING, "ETag": _tag(told)})
    return told


@router.patch("/{person}", responses=problems(400, 401, 403, 404, 412))
async def change_person(
    request: Request, response: Response, archive: AnArchive, caller: Administrator, person: Row, new: Change
) -> Somebody:
    """Make somebody an administrator or auditor, or disable them."""
    found = await archive.database.lookup(lambda connection: rows.get(connection, person))
    if found is None:
        raise NotFound
    require_match(request, _tag(_told(found)))
    values = new.model_dump(exclude_none=True)
    told = _told(await people.change(archive.database, person, caller.name, **values))
    response.headers["ETag"] = _tag(told)
    return told


def _told(person: rows.Person) -> Somebody:
    return Somebody(**{name: getattr(person, name) for name in Somebody.model_fields})


def _tag(told: Somebody) -> str:
    return etag(sha256(told.model_dump_json().encode()).hexdigest()[:32])
