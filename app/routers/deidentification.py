"""De-identification: `/api/v1/collections/{collection}/deidentification`, and the same of submissions."""

from types import ModuleType
from typing import TYPE_CHECKING, Annotated, Any

import orjson
from fastapi import APIRouter, Request, Response, status
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, ConfigDict, Field

from app.routers.api import PREFIX, problems
from app.routers.dependencies import ACaller, AnArchive
from app.routers.representations import send_bytes

if TYPE_CHECKING:
    from app.deid.policy import Policy

router = APIRouter(prefix=PREFIX, tags=["de-identification"])
_OF = "/collections/{collection}/deidentification"
_SENT = "/submissions/{submission}"
_YAML = "name: chest\nextends: tcia\noverrides:\n  StudyDescription: keep\n"


class NewPolicy(BaseModel):
    """A policy to de-identify by."""

    model_config = ConfigDict(extra="forbid")

    policy: Annotated[str, Field(min_length=1, max_length=1 << 20)] = Field(
        examples=["tcia", _YAML], description="A preset (`basic`, `tcia`), or YAML"
    )


class APolicy(BaseModel):
    """The policy by which a collection de-identifies what it is sent."""

    name: str = Field(examples=["chest"])
    version: int = Field(examples=[1])
    options: list[str] = Field(examples=[["clean-descriptors", "clean-pixel-data"]])
    sha256: str = Field(examples=["9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"])
    policy: str = Field(examples=[_YAML], description="Its YAML")


class AState(BaseModel):
    """How far the de-identification of a submission is."""

    state: str = Field(
        examples=["held"],
        description="Empty while it is open; `waiting` for the second pass; `passed`; `held` for a person",
    )
    findings: list[dict[str, Any]] = Field(
        examples=[[{"question": "text may be burned into the pixels", "instances": 3, "for example": []}]]
    )


class Release(BaseModel):
    """Why what is held may go."""

    model_config = ConfigDict(extra="forbid")

    reason: Annotated[str, Field(min_length=1, max_length=2_000)] = Field(examples=["Read all pages: empty"])


@router.get(_OF, responses=problems(401, 403, 404))
async def get_policy(archive: AnArchive, caller: ACaller, collection: str) -> APolicy:
    """Show by which policy a collection de-identifies; for those who own it."""
    return _shown(*await _service().policy(archive, caller, collection))


@router.put(_OF, responses=problems(400, 401, 403, 404, 409))
async def choose_policy(archive: AnArchive, caller: ACaller, collection: str, new: NewPolicy) -> APolicy:
    """Have a collection de-identify what it is sent from now on; for those who own it.

    Such a collection publishes versions: it cannot be rolling. Its key stays while it has data.
    """
    return _shown(*await _service().choose(archive, caller, collection, new.policy))


@router.delete(_OF, status_code=status.HTTP_204_NO_CONTENT, responses=problems(401, 403, 404, 409))
async def drop_policy(archive: AnArchive, caller: ACaller, collection: str) -> Response:
    """Have a collection take what it is sent as it is; for those who own it."""
    await _service().drop(archive, caller, collection)
    return Response(status_code=status.HTTP_204_NO_CONTENT)


@router.get(f"{_SENT}/deidentification", responses=problems(401, 404))
async def get_state(archive: AnArchive, caller: ACaller, submission: str) -> AState:
    """Show how far the de-identification of a submission is, and what holds it."""
    found = await _service().state(archive, caller, submission)
    return AState(state=found.state, findings=found.findings)


@router.post(f"{_SENT}/deidentification/release", responses=problems(400, 401, 403, 404, 409))
async def release(archive: AnArchive, caller: ACaller, submission: str, said: Release) -> AState:
    """Say that a person looked at what is held and that it may go; for those who curate."""
    await _service().release(archive, caller, submission, said.reason)
    return await get_state(archive, caller, submission)


@router.get(f"{_SENT}/certificate", responses=problems(401, 404))
async def get_certificate(request: Request, archive: AnArchive, caller: ACaller, submission: str) -> Response:
    """Show what was removed from a submission: JSON, or a page for browsers."""
    made = await _service().certificate(archive, caller, submission)
    if "text/html" in request.headers.get("accept", ""):
        return HTMLResponse(made.to_html())
    return send_bytes(request, orjson.dumps(made.to_json()), "application/json")


def _service() -> ModuleType:
    # Only here: what a server never does it does not load.
    from app.services import deidentifying

    return deidentifying


def _shown(policy: "Policy", text: str) -> APolicy:
    return APolicy(
        name=policy.name,
        version=policy.version,
        options=sorted(policy.options),
        sha256=policy.digest,
        policy=text,
    )
