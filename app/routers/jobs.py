"""What is done in the background: `/api/v1/jobs`."""

from datetime import datetime
from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel, Field

from app.jobs import Job
from app.routers.api import PREFIX, After, Limit, Page, page, problems
from app.routers.dependencies import ACaller, AnArchive
from app.routers.words import Row, number
from app.services import background

router = APIRouter(prefix=f"{PREFIX}/jobs", tags=["jobs"])

State = Literal["waiting", "running", "done", "failed"]


class JobOut(BaseModel):
    """A job, and how it stands with it."""

    id: int = Field(examples=[7])
    kind: str = Field(examples=["fixity"])
    state: State = Field(examples=["waiting"])
    attempts: int = Field(examples=[1])
    error: str = Field(examples=["DataCite does not answer."], description="Of the last attempt")
    done: int = Field(examples=[500], description="How far it is, in what it counts: series, or rows")
    total: int = Field(examples=[58784975], description="Of how much; 0 where that is not known")
    run_at: datetime = Field(description="When it is, or was, to be tried")
    created_at: datetime
    ended_at: datetime | None = Field(examples=[None])


@router.get("", responses=problems(400, 401, 403))
async def list_jobs(
    archive: AnArchive, caller: ACaller, state: State | None = None, after: After = "0", limit: Limit = 100
) -> Page[JobOut]:
    """List what is done in the background, and what was lately: administrators see all, others their own."""
    found = await background.page(archive, caller, state, number(after), limit + 1)
    return page([_out(each) for each in found], limit, "id")


@router.get("/{job}", responses=problems(400, 401, 403, 404))
async def get_job(archive: AnArchive, caller: ACaller, job: Row) -> JobOut:
    """Look at one job."""
    return _out(await background.get(archive, caller, job))


def _out(job: Job) -> JobOut:
    return JobOut.model_validate({name: getattr(job, name) for name in JobOut.model_fields})
