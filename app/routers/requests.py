"""Requests for access, and what becomes of them: `/api/v1/requests`."""

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field

from app.access.forms import MOST_QUESTIONS
from app.access.requests import Status, access
from app.models.types import now
from app.registry import requests as registry
from app.routers.api import PREFIX, After, Limit, Page, page, problems
from app.routers.dependencies import ACaller, AnArchive
from app.routers.given import Body, CollectionPath, Line, Moment, RowPath, Slug, Text, Version, row_after
from app.routers.grants import Role
from app.routers.people import Named
from app.routers.tagged import matching, tagged
from app.services import requests
from app.services.requests import Asked, Shown, Words

router = APIRouter(prefix=PREFIX, tags=["requests"])

State = Literal["draft", "submitted", "info_needed", "approved", "declined", "withdrawn", "revoked", "closed"]
Act = Literal["submit", "ask", "answer", "approve", "decline", "withdraw", "revoke", "renew", "close"]
_ANSWERS = {"name": "Ada Lovelace", "institution": "Analytical Institute", "purpose": "A reader study."}
_Key = Annotated[str, Field(max_length=40)]


class Accepted(Body):
    """A version of the agreement, accepted by typing one's name."""

    version: Version = Field(examples=[1])
    signed_as: Line = Field(examples=["Ada Lovelace"])


class Asking(Body):
    """Answers to the form's questions, and the agreement; what is left out stays as it is."""

    answers: dict[_Key, Text] | None = Field(default=None, max_length=MOST_QUESTIONS, examples=[_ANSWERS])
    agreement: Accepted | None = Field(default=None, examples=[{"version": 1, "signed_as": "Ada Lovelace"}])

    def asked(self) -> Asked:
        """The same for the service."""
        if self.agreement is None:
            return Asked(self.answers)
        return Asked(self.answers, self.agreement.version, self.agreement.signed_as)


class Saying(Body):
    """Words for who reads the request next; of an approval also the role that is granted, and until when."""

    text: Text = Field(default="", examples=["Please name the ethics vote."])
    role: Role = Field(default="reader", examples=["reader"])
    ends_at: Moment | None = Field(
        default=None, examples=["2030-01-01T00:00:00Z"], description="A year from now, if not given"
    )


class Done(BaseModel):
    """Something that was done with a request."""

    at: datetime = Field(examples=["2026-01-01T00:00:00Z"])
    act: str = Field(examples=["ask"])
    by: str = Field(examples=["owner"])
    text: str = Field(examples=["Please name the ethics vote."])


class AccessRequest(Named):
    """A request. `access` is what has become of what was granted to it."""

    id: int = Field(examples=[3])
    collection: str = Field(examples=["lung-screening"])
    state: State = Field(examples=["approved"])
    access: Status | None = Field(examples=["active"])
    answers: dict[str, str] = Field(examples=[_ANSWERS])
    agreement: int | None = Field(examples=[1], description="The version that was accepted")
    signed_as: str = Field(examples=["Ada Lovelace"])
    grant: int | None = Field(examples=[12])
    ends_at: datetime | None = Field(examples=["2030-01-01T00:00:00Z"])
    renews: int | None = Field(examples=[None], description="The request that this one renews")
    history: list[Done]
    possible: list[str] = Field(examples=[["renew", "close"]], description="What you can do with it now")
    created_at: datetime = Field(examples=["2026-01-01T00:00:00Z"])
    changed_at: datetime = Field(examples=["2026-01-01T00:00:00Z"])


@router.post(
    "/collections/{collection}/requests", status_code=201, responses=problems(400, 401, 403, 404, 409)
)
async def create_request(
    collection: CollectionPath,
    body: Asking,
    archive: AnArchive,
    caller: ACaller,
    request: Request,
    response: Response,
) -> AccessRequest:
    """Begin to ask for access to a collection: a draft, which only you see until you submit it."""
    made = await requests.create(archive, caller, collection, body.asked())
    return _made(request, response, made)


@router.get("/requests", responses=problems(400, 401))
async def list_requests(
    archive: AnArchive,
    caller: ACaller,
    collection: Annotated[Slug | None, Query(examples=["lung-screening"])] = None,
    state: Annotated[State | None, Query(examples=["submitted"])] = None,
    after: After = "",
    limit: Limit = 100,
) -> Page[AccessRequest]:
    """List your own requests, and those that were submitted to collections which you own."""
    found = await requests.page(archive, caller, collection, state, row_after(after), limit + 1)
    return page([told(each) for each in found], limit, "id")


@router.get("/requests/{number}", responses=problems(400, 401, 404))
async def get_request(
    number: RowPath,
    archive: AnArchive,
    caller: ACaller,
    request: Request,
    response: Response,
) -> AccessRequest:
    """Read a request."""
    return tagged(request, response, told(await requests.get(archive, caller, number)))


@router.patch("/requests/{number}", responses=problems(400, 401, 403, 404, 409, 412))
async def change_request(
    number: RowPath,
    body: Asking,
    archive: AnArchive,
    caller: ACaller,
    request: Request,
    response: Response,
) -> AccessRequest:
    """Answer otherwise, or accept an agreement: for who asks, in a draft or when more is asked."""
    match = matching(request, told)
    return tagged(
        request, response, told(await requests.change(archive, caller, number, body.asked(), match))
    )


@router.post("/requests/{number}/{act}", responses={201: {}, **problems(400, 401, 403, 404, 409, 412)})
async def act_on_request(
    number: RowPath,
    act: Act,
    archive: AnArchive,
    caller: ACaller,
    request: Request,
    response: Response,
    body: Saying | None = None,
) -> AccessRequest:
    """Do what is possible with a request in its state; to ask, decline and revoke takes words.

    To renew makes another request, a draft with the same answers, in the answer to this one.
    """
    body = body or Saying()
    words = Words(body.text, body.role, body.ends_at)
    match = matching(request, told)
    found = await requests.act(archive, caller, number, act, words, match)
    if act == "renew":
        return _made(request, response, found)
    return tagged(request, response, told(found))


def _made(request: Request, response: Response, made: Shown) -> AccessRequest:
    response.status_code = 201
    response.headers["Location"] = f"{PREFIX}/requests/{made.request.id}"
    return tagged(request, response, told(made))


def told(shown: Shown) -> AccessRequest:
    """The request as it is told to who can do so with it."""
    found = shown.request
    return AccessRequest.model_validate(
        {**Named.of(found), "possible": shown.possible, "access": status(found)}
    )


def status(found: registry.Request) -> Status | None:
    """What has become by now of what was granted to a request."""
    if found.starts_at is None:
        return None
    return access(found.starts_at, found.ends_at, found.revoked_at, now())
