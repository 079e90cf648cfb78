"""Submissions: `/api/v1/submissions`."""

from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field

from app.registry.submissions import Submission
from app.routers.addresses import public_url
from app.routers.api import PREFIX, After, Limit, Page, problems
from app.routers.dependencies import ACaller, AnArchive
from app.routers.version_models import AWithdrawal
from app.services import submissions

router = APIRouter(prefix=PREFIX, tags=["submissions"])

Act = Literal["close", "reopen", "approve"]
Withdrawals = Annotated[list[AWithdrawal], Field(max_length=10_000)]
_Collection = Annotated[str | None, Query(description="Only this collection's", examples=["inbox"])]


class Listed(BaseModel):
    """A submission: what one person sends to a collection, drafts until they are published."""

    key: str = Field(examples=["5f0c8a1e9b7d4c2f5f0c8a1e9b7d4c2f"])
    collection: str = Field(examples=["lung-ct"])
    state: str = Field(
        examples=["open"], description="`open` takes more, `approved` goes into the next version"
    )
    published_version: int | None = Field(examples=[None])
    opened_at: datetime
    dicom_web: str = Field(
        examples=["https://archive.example.org/submissions/5f0c8a1e9b7d4c2f5f0c8a1e9b7d4c2f/dicom-web"],
        description="Its DICOMweb root",
    )


class InFull(Listed):
    """The same, and what is in it."""

    studies: int = Field(examples=[12])
    series: int = Field(examples=[40])
    instances: int = Field(examples=[5321])
    bytes: int = Field(examples=[2800000000])


@router.get("/submissions", responses=problems(400, 401, 404))
async def list_submissions(
    request: Request,
    archive: AnArchive,
    caller: ACaller,
    collection: _Collection = None,
    after: After = "",
    limit: Limit = 100,
) -> Page[Listed]:
    """List your own submissions, and those to where you curate, the oldest first."""
    found = await submissions.page(archive, caller, collection, after, limit + 1)
    host, shown = public_url(request, archive), found[:limit]
    items = [Listed(**_said(host, submission, opened_at)) for submission, opened_at in shown]
    return Page(items=items, next=shown[-1][0].key if len(found) > limit else None)


@router.get("/submissions/{submission}", responses=problems(401, 404))
async def get_submission(request: Request, archive: AnArchive, caller: ACaller, submission: str) -> InFull:
    """Show a submission, and how much is in it."""
    found = await submissions.one(archive, caller, submission)
    said = _said(public_url(request, archive), found.submission, found.opened_at)
    totals = found.totals
    return InFull(
        **said,
        studies=totals.studies,
        series=totals.series,
        instances=totals.instances,
        bytes=totals.bytes,
    )


@router.post("/submissions/{submission}/{act}", responses=problems(400, 401, 403, 404, 409))
async def act_on_submission(
    request: Request, archive: AnArchive, caller: ACaller, submission: str, act: Act
) -> InFull:
    """Close a submission, so that it takes nothing more; reopen it; approve it, for those who curate."""
    await submissions.act(archive, caller, submission, act)
    return await get_submission(request, archive, caller, submission)


@router.get("/submissions/{submission}/withdrawals", responses=problems(401, 404))
async def list_withdrawals(archive: AnArchive, caller: ACaller, submission: str) -> list[AWithdrawal]:
    """List what is withdrawn from the collection when the submission is published."""
    return [
        AWithdrawal(**asdict(each)) for each in await submissions.withdrawals(archive, caller, submission)
    ]


@router.put("/submissions/{submission}/withdrawals", responses=problems(400, 401, 404, 409))
async def propose_withdrawals(
    archive: AnArchive, caller: ACaller, submission: str, withdrawals: Withdrawals
) -> list[AWithdrawal]:
    """Propose what is to be withdrawn from the collection: the whole list, in the place of the one before."""
    await submissions.propose(archive, caller, submission, [each.said() for each in withdrawals])
    return withdrawals


def _said(host: str, submission: Submission, opened_at: datetime) -> dict[str, object]:
    return {
        "key": submission.key,
        "collection": submission.collection,
        "state": submission.state,
        "published_version": submission.published_version,
        "opened_at": opened_at,
        "dicom_web": f"{host}/submissions/{submission.key}/dicom-web",
    }
