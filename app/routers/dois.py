"""DOIs: `/api/v1/collections/{collection}/doi`, and the same below a version."""

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from app.registry.dois import Doi
from app.routers.api import PREFIX, problems
from app.routers.dependencies import ACaller, AnArchive
from app.routers.representations import send
from app.routers.words import Number
from app.services import citable, dois
from app.services.dois import Shown

router = APIRouter(prefix=PREFIX, tags=["dois"])
_OF = "/collections/{collection}"

State = Literal["draft", "registered", "findable"]
_DRY = Annotated[bool, Query(description="Only check, and show what would be sent")]
_ASKED = problems(400, 401, 403, 404, 409)
_METADATA = {"titles": [{"title": "Chest CT of 100 people"}], "publicationYear": "2026"}


class Wanted(BaseModel):
    """The state that an identifier should have; one that was registered once stays."""

    model_config = ConfigDict(extra="forbid")

    state: State = Field(examples=["findable"])
    suffix: Annotated[str, Field(min_length=1, max_length=100)] | None = Field(
        default=None,
        description="What follows the prefix; by default it says nothing",
        examples=["abcd-1234"],
    )


class DoiOut(BaseModel):
    """An identifier: the state it has and the one it should have, and what is said of it."""

    identifier: str | None = Field(examples=["10.5072/abcd-1234"], description="A DOI, or `local:…`")
    state: State | None = Field(examples=["draft"], description="None until the first is reached")
    wanted: State | None = Field(examples=["findable"])
    error: str | None = Field(examples=[None], description="Why it has not the state it should have")
    problems: list[str] = Field(examples=[[]], description="What keeps it from being public")
    metadata: dict[str, Any] = Field(examples=[_METADATA], description="What is, or would be, sent")
    changed_at: datetime | None = Field(examples=["2026-11-21T00:00:00Z"])


@router.get(_OF + "/doi", response_model=DoiOut, responses=problems(401, 403, 404))
async def collection_doi(request: Request, archive: AnArchive, caller: ACaller, collection: str) -> Response:
    """Look at a collection's identifier, or at what would be sent for one; for those who own it."""
    what = await citable.of_collection(archive, caller, collection)
    return send(request, out(await dois.show(archive, what)))


@router.post(_OF + "/doi", status_code=202, response_model=DoiOut, responses=_ASKED)
async def want_collection_doi(
    request: Request,
    archive: AnArchive,
    caller: ACaller,
    collection: str,
    wanted: Wanted,
    dry_run: _DRY = False,
) -> Response:
    """Ask for a collection's identifier, or another state of it: it is registered in the background.

    It names the collection, whatever version is the latest.
    """
    what = await citable.of_collection(archive, caller, collection)
    return await asked(request, archive, caller, what, wanted, dry_run)


@router.get(_OF + "/versions/{version}/doi", response_model=DoiOut, responses=problems(400, 401, 403, 404))
async def version_doi(
    request: Request, archive: AnArchive, caller: ACaller, collection: str, version: Number
) -> Response:
    """Look at a version's identifier, or at what would be sent for one; for those who own the collection."""
    what = await citable.of_collection(archive, caller, collection, version)
    return send(request, out(await dois.show(archive, what)))


@router.post(
    _OF + "/versions/{version}/doi",
    status_code=202,
    response_model=DoiOut,
    responses=_ASKED,
)
async def want_version_doi(
    request: Request,
    archive: AnArchive,
    caller: ACaller,
    collection: str,
    version: Number,
    wanted: Wanted,
    dry_run: _DRY = False,
) -> Response:
    """Ask for a version's own identifier, or another state of it."""
    what = await citable.of_collection(archive, caller, collection, version)
    return await asked(request, archive, caller, what, wanted, dry_run)


@router.get("/carts/{cart}/doi", response_model=DoiOut, responses=problems(401, 403, 404))
async def cart_doi(request: Request, archive: AnArchive, caller: ACaller, cart: str) -> Response:
    """Look at a cart's identifier, or at what would be sent for one; for who made it."""
    what = await citable.of_cart(archive, caller, cart)
    return send(request, out(await dois.show(archive, what)))


@router.post("/carts/{cart}/doi", status_code=202, response_model=DoiOut, responses=_ASKED)
async def want_cart_doi(
    request: Request, archive: AnArchive, caller: ACaller, cart: str, wanted: Wanted, dry_run: _DRY = False
) -> Response:
    """Ask for a cart's identifier, or another state of it: a public one takes a cart that is for anyone."""
    what = await citable.of_cart(archive, caller, cart)
    return await asked(request, archive, caller, what, wanted, dry_run)


async def asked(
    request: Request, archive: Any, caller: Any, what: Any, wanted: Wanted, dry_run: bool
) -> Response:
    """What became of the wish."""
    shown = await dois.request(archive, caller, what, wanted.state, wanted.suffix, dry_run=dry_run)
    return send(request, out(shown), 200 if dry_run else 202)


def out(shown: Shown) -> DoiOut:
    """An identifier as the API tells it."""
    doi: Doi | None = shown.doi
    return DoiOut.model_validate(
        {
            "identifier": doi and doi.identifier,
            "state": (doi and doi.state) or None,
            "wanted": doi and doi.wanted,
            "error": (doi and doi.error) or None,
            "problems": shown.problems,
            "metadata": shown.metadata,
            "changed_at": doi and doi.changed_at,
        }
    )
