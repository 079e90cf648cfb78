"""Who was given which role where, when and why: `/api/v1/grants`."""

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field, model_validator

from app.models.types import now
from app.registry import grants as registry
from app.routers.api import PREFIX, After, Limit, Page, page, problems
from app.routers.dependencies import ACaller, AnArchive
from app.routers.given import MOST, Body, Line, Moment, Row, RowPath, Slug, row_after
from app.routers.people import Named
from app.routers.tagged import matching, tagged
from app.services import grants
from app.services.grants import Filter, Wanted

router = APIRouter(prefix=f"{PREFIX}/grants", tags=["grants"])

To = Literal["person", "group", "registered", "anyone"]
Role = Literal["viewer", "reader", "annotator", "submitter", "curator", "owner"]
State = Literal["future", "active", "ended", "revoked"]


class Subject(Body):
    """Somebody as their provider names them."""

    issuer: Line | Literal[""] = Field(default="", examples=["https://orcid.org"], description="Empty: here")
    subject: Line = Field(examples=["0000-0002-1825-0097"])


class NewGrant(Body):
    """A role in a collection or at one of its sites, for a time."""

    to: To = Field(examples=["person"])
    person: Row | Subject | None = Field(default=None, examples=[7], description="For `person`: who")
    group: Slug | None = Field(default=None, examples=["radiologists"], description="For `group`: which")
    role: Role = Field(examples=["reader"], description="`registered` and `anyone` only read")
    collection: Slug = Field(examples=["lung-screening"])
    site: Slug | None = Field(default=None, examples=[None], description="Only what lies at this site")
    starts_at: Moment | None = Field(default=None, examples=[None], description="At once, if not given")
    ends_at: Moment | None = Field(default=None, examples=["2030-01-01T00:00:00Z"])
    reason: Line = Field(examples=["Works on the reader study."])

    @model_validator(mode="after")
    def _names_one(self) -> "NewGrant":
        if (self.person is None) is (self.to == "person") or (self.group is None) is (self.to == "group"):
            raise ValueError("person belongs to `person`, group to `group`, neither to everybody")
        return self


class GrantChange(Body):
    """What is new; a member that is left out stays as it is."""

    ends_at: Moment | None = Field(default=None, examples=["2030-01-01T00:00:00Z"])
    reason: Line = Field(default="", examples=["The study goes on."])


class Grant(Named):
    """A grant, and what has become of it."""

    id: int = Field(examples=[12])
    to: To = Field(examples=["person"])
    group: str | None = Field(examples=[None])
    role: str = Field(examples=["reader"])
    collection: str = Field(examples=["lung-screening"])
    site: str | None = Field(examples=[None])
    starts_at: datetime = Field(examples=["2026-01-01T00:00:00Z"])
    ends_at: datetime | None = Field(examples=["2030-01-01T00:00:00Z"])
    revoked_at: datetime | None = Field(examples=[None])
    state: State = Field(examples=["active"])
    reason: str = Field(examples=["Works on the reader study."])
    granted_by: str = Field(examples=["owner"])


@router.get("", responses=problems(400, 401))
async def list_grants(
    archive: AnArchive,
    caller: ACaller,
    collection: Annotated[Slug | None, Query(examples=["lung-screening"])] = None,
    person: Annotated[int | None, Query(ge=1, le=MOST, examples=[7])] = None,
    group: Annotated[Slug | None, Query(examples=["radiologists"])] = None,
    state: Annotated[State | None, Query(examples=["active"])] = None,
    after: After = "",
    limit: Limit = 100,
) -> Page[Grant]:
    """List your own grants, and those of what you own."""
    filters = Filter(collection, person, group, state)
    found = await grants.page(archive, caller, filters, row_after(after), limit + 1)
    return page([_told(each) for each in found], limit, "id")


@router.post("", status_code=201, responses=problems(400, 401, 403, 404, 409))
async def create_grant(
    body: NewGrant, archive: AnArchive, caller: ACaller, request: Request, response: Response
) -> Grant:
    """Grant a role: for those who own the collection or, at a site, that site."""
    given = {name: getattr(body, name) for name in Wanted.__slots__}
    if isinstance(body.person, Subject):
        given["person"] = (body.person.issuer, body.person.subject)
    made = await grants.create(archive, caller, Wanted(**given))
    response.headers["Location"] = f"{PREFIX}/grants/{made.id}"
    return tagged(request, response, _told(made))


@router.get("/{grant}", responses=problems(400, 401, 404))
async def get_grant(
    grant: RowPath, archive: AnArchive, caller: ACaller, request: Request, response: Response
) -> Grant:
    """Read a grant."""
    return tagged(request, response, _told(await grants.get(archive, caller, grant)))


@router.patch("/{grant}", responses=problems(400, 401, 403, 404, 409, 412))
async def change_grant(
    grant: RowPath,
    body: GrantChange,
    archive: AnArchive,
    caller: ACaller,
    request: Request,
    response: Response,
) -> Grant:
    """Give a grant another end or reason, unless it has come to its end."""
    values = body.model_dump(exclude_unset=True)
    return tagged(
        request,
        response,
        _told(await grants.change(archive, caller, grant, values, matching(request, _told))),
    )


@router.delete("/{grant}", responses=problems(400, 401, 403, 404, 409, 412))
async def revoke_grant(
    grant: RowPath, archive: AnArchive, caller: ACaller, request: Request, response: Response
) -> Grant:
    """Revoke a grant: it ends now, and is kept as revoked."""
    return tagged(
        request, response, _told(await grants.revoke(archive, caller, grant, matching(request, _told)))
    )


def _told(found: registry.Grant) -> Grant:
    return Grant.model_validate({**Named.of(found), "state": found.state(now())})
