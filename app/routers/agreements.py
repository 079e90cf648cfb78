"""What those who ask for access to a collection agree to and are asked:
`/api/v1/collections/{collection}/agreements` and `…/request-form`.
"""

from datetime import datetime

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from app.access.forms import DEFAULT, MOST_QUESTIONS, Question
from app.registry import agreements as registry
from app.routers.api import PREFIX, After, Limit, Page, page, problems
from app.routers.dependencies import ACaller, AnArchive
from app.routers.given import MOST_VERSIONS, Body, CollectionPath, Document, VersionPath, row_after
from app.routers.tagged import matching, tagged
from app.services import agreements

router = APIRouter(prefix=f"{PREFIX}/collections/{{collection}}", tags=["requests"])


class NewAgreement(Body):
    """The text of the next version, and whether what was asked for before is to be renewed under it."""

    text: Document = Field(examples=["I use the data for research, and try to identify nobody."])
    accept_within_days: int | None = Field(
        default=None,
        ge=0,
        le=3650,
        examples=[30],
        description="What was granted to requests under older versions ends after so many days, unless it is "
        "renewed under this one. If not given, it goes on as it is.",
    )


class Agreement(BaseModel):
    """One version."""

    version: int = Field(examples=[1])
    text: str = Field(
        examples=["I use the data for research, and try to identify nobody."], description="Markdown"
    )
    sha256: str = Field(examples=["9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"])
    accept_by: datetime | None = Field(
        examples=[None], description="When access ends that was asked for under an older version"
    )
    created_at: datetime = Field(examples=["2026-01-01T00:00:00Z"])


class Form(Body):
    """The questions in their order."""

    questions: list[Question] = Field(
        max_length=MOST_QUESTIONS, examples=[[each.model_dump() for each in DEFAULT]]
    )
    when_private: bool = Field(
        default=False,
        examples=[False],
        description="Whether those who know of it may ask for what is private, too",
    )


@router.get("/agreements", responses=problems(400, 401, 404))
async def list_agreements(
    collection: CollectionPath, archive: AnArchive, caller: ACaller, after: After = "", limit: Limit = 100
) -> Page[Agreement]:
    """List the versions of a collection's agreement, the oldest first."""
    found = await agreements.page(
        archive, caller, collection, min(row_after(after), MOST_VERSIONS), limit + 1
    )
    return page([told(each) for each in found], limit, "version")


@router.post("/agreements", status_code=201, responses=problems(400, 401, 403, 404, 409))
async def create_agreement(
    collection: CollectionPath,
    body: NewAgreement,
    archive: AnArchive,
    caller: ACaller,
    request: Request,
    response: Response,
) -> Agreement:
    """Make the next version: for those who own the collection."""
    made = await agreements.add(archive, caller, collection, body.text, body.accept_within_days)
    response.headers["Location"] = f"{PREFIX}/collections/{collection}/agreements/{made.version}"
    return tagged(request, response, told(made))


@router.get("/agreements/{version}", responses=problems(400, 401, 404))
async def get_agreement(
    collection: CollectionPath,
    version: VersionPath,
    archive: AnArchive,
    caller: ACaller,
    request: Request,
    response: Response,
) -> Agreement:
    """Read one version."""
    return tagged(request, response, told(await agreements.get(archive, caller, collection, version)))


@router.get("/request-form", responses=problems(400, 401, 404))
async def get_request_form(
    collection: CollectionPath, archive: AnArchive, caller: ACaller, request: Request, response: Response
) -> Form:
    """Read what those are asked who ask for access."""
    return tagged(request, response, _form(await agreements.form(archive, caller, collection)))


@router.put("/request-form", responses=problems(400, 401, 403, 404, 412))
async def put_request_form(
    collection: CollectionPath,
    body: Form,
    archive: AnArchive,
    caller: ACaller,
    request: Request,
    response: Response,
) -> Form:
    """Ask this instead: for those who own the collection."""
    wanted = registry.Form(body.questions, body.when_private)
    found = await agreements.write_form(archive, caller, collection, wanted, matching(request, _form))
    return tagged(request, response, _form(found))


def told(found: registry.Agreement) -> Agreement:
    """The agreement as it is told."""
    return Agreement(
        version=found.version,
        text=found.text,
        sha256=found.sha256.hex(),
        accept_by=found.accept_by,
        created_at=found.created_at,
    )


def _form(found: registry.Form) -> Form:
    return Form(questions=list(found.questions), when_private=found.when_private)
