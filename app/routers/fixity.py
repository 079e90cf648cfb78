"""Whether stored objects are still what was stored: `/api/v1/fixity`."""

from datetime import datetime
from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel, Field

from app.routers.api import PREFIX, After, Limit, Page, page, problems
from app.routers.dependencies import ACaller, AnArchive
from app.routers.words import number
from app.services import background

router = APIRouter(prefix=f"{PREFIX}/fixity", tags=["fixity"])


class FixityOut(BaseModel):
    """Of how many instances it is known that their objects are what was stored."""

    instances: int = Field(examples=[58784975], description="Whose objects were read again")
    bytes: int = Field(examples=[99_900_000_000_000])
    oldest: datetime | None = Field(description="When the one was read that waits longest")
    damaged: int = Field(examples=[0], description="Whose objects are not what was stored")


class DamageOut(BaseModel):
    """An instance whose object is not what was stored."""

    id: int = Field(examples=[7])
    study: str = Field(examples=["1.2.3"])
    series: str = Field(examples=["1.2.3.4"])
    sop_instance_uid: str = Field(examples=["1.2.3.4.5"])
    object_key: str = Field(examples=["01JCZ5Q0V8W3M4N5P6R7S8T9VA"])
    size: int = Field(examples=[526336], description="What it ought to have, in bytes")
    kind: Literal["missing", "unreadable", "wrong size", "wrong digest"]
    found_at: datetime


@router.get("", responses=problems(401, 403))
async def get_fixity(archive: AnArchive, caller: ACaller) -> FixityOut:
    """How it stands with all objects; for administrators."""
    return FixityOut.model_validate((await background.fixity(archive, caller))._asdict())


@router.get("/damaged", responses=problems(400, 401, 403))
async def list_damaged(
    archive: AnArchive, caller: ACaller, after: After = "0", limit: Limit = 100
) -> Page[DamageOut]:
    """List the instances whose objects are damaged; for administrators."""
    found = await background.damaged(archive, caller, number(after), limit + 1)
    return page([DamageOut.model_validate(each._asdict()) for each in found], limit, "id")
