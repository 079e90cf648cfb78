"""Collections and analysis results: `/api/v1/collections`."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field

from app.errors import InvalidRequest
from app.index.listing import START, Cursor, Results
from app.registry.collections import Filters
from app.registry.record import Line, Record, Status, Tier
from app.routers.addresses import public_url
from app.routers.api import PREFIX, After, Limit, Page, page, problems, require_match
from app.routers.collection_models import (
    CollectionOut,
    FactsOut,
    ItemOut,
    Kind,
    SeriesOut,
    UnitRules,
    collection_out,
    facts_out,
    item_out,
    series_out,
)
from app.routers.dependencies import ACaller, AnArchive
from app.routers.representations import send, tag
from app.services import collections, contents
from app.services.collections import Wanted
from app.threads import in_thread

router = APIRouter(prefix=f"{PREFIX}/collections", tags=["collections"])

_ASKED = r"^[^\x00]*$"
_Words = Annotated[str | None, Query(max_length=300, pattern=_ASKED)]
#: Of a collection, what is a column and no field of the record.
_COLUMNS = ("title", "licence", "rolling")


class Changes(Record):
    """What may be said of a collection; what is left out stays as it is."""

    title: Line = Field(default="", examples=["Chest CT of 100 people"])
    licence: str = Field(
        default="", max_length=120, pattern=_ASKED, description="SPDX identifier", examples=["CC-BY-4.0"]
    )
    rolling: bool = Field(default=False, description="Whether it shows at once what it is sent")
    sources: list[Annotated[str, Field(pattern=_ASKED, max_length=120)]] = Field(
        default=[],
        max_length=1_000,
        description="Of an analysis result: the collections in whose studies its series lie",
        examples=[["chest-ct"]],
    )


class New(Changes, UnitRules):
    """A collection to be made: of all this only `slug`, `title` and `licence` are needed."""

    slug: str = Field(max_length=120, description="Its short name in addresses", examples=["chest-ct"])
    title: Line = Field(examples=["Chest CT of 100 people"])
    licence: str = Field(max_length=120, pattern=_ASKED, examples=["CC-BY-4.0"])
    kind: Kind = Field(default="collection", examples=["collection"])


@router.post("", status_code=201, response_model=CollectionOut, responses=problems(400, 401, 403, 409))
async def create_collection(request: Request, archive: AnArchive, caller: ACaller, new: New) -> Response:
    """Make a collection, an analysis result or a record of something elsewhere; administrators only."""
    unit = new.model_dump(include=set(UnitRules.model_fields))
    await collections.create(archive, caller, new.slug, new.kind, unit, _wanted(new))
    location = f"{public_url(request, archive)}{PREFIX}/collections/{new.slug}"
    return send(request, await _shown(request, archive, caller, new.slug), 201, location=location)


@router.get("", response_model=Page[ItemOut], responses=problems(400, 401))
async def list_collections(
    request: Request,
    archive: AnArchive,
    caller: ACaller,
    *,
    text: Annotated[_Words, Query(description="Words of the title or summary")] = None,
    kind: Kind | None = None,
    program: _Words = None,
    status: Status | None = None,
    licence: _Words = None,
    tier: Tier | None = None,
    cancer_type: Annotated[_Words, Query(description="A code, or words")] = None,
    location: Annotated[_Words, Query(description="A code, or words")] = None,
    species: Annotated[_Words, Query(description="A code, or words")] = None,
    modality: Annotated[_Words, Query(description="Of a series that you may find", examples=["CT"])] = None,
    after: After = "",
    limit: Limit = 100,
) -> Response:
    """List the collections that you may know of, by slug."""
    columns = {"kind": kind, "licence": licence}
    terms = {
        "program": program,
        "status": status,
        "cancer_types": cancer_type,
        "locations": location,
        "species": species,
    }
    filters = Filters(_said(columns), _said(terms), text or "")
    # As no slug holds NUL, nor is one after it; PostgreSQL takes none.
    beyond = after.partition("\0")[0]
    found = await collections.page(
        archive, caller, filters, beyond, limit, tier=tier, modality=modality or None
    )
    items = await in_thread(lambda: [item_out(each) for each in found])
    return send(request, page(items, limit, "slug"))


@router.get("/{collection}", response_model=CollectionOut, responses=problems(401, 404))
async def get_collection(request: Request, archive: AnArchive, caller: ACaller, collection: str) -> Response:
    """Describe a collection: what its people say of it, its licence, and what you may do with it."""
    return send(request, await _shown(request, archive, caller, collection))


@router.patch("/{collection}", response_model=CollectionOut, responses=problems(400, 401, 403, 404, 409, 412))
async def change_collection(
    request: Request, archive: AnArchive, caller: ACaller, collection: str, changes: Changes
) -> Response:
    """Change what a collection says of itself; for those who own it."""
    shown = await collections.get(archive, caller, collection)
    out = await in_thread(collection_out, shown, public_url(request, archive))
    require_match(request, tag(out))
    await collections.change(archive, caller, shown, _wanted(changes))
    return send(request, await _shown(request, archive, caller, collection))


@router.get("/{collection}/facts", response_model=FactsOut, responses=problems(400, 401, 404))
async def collection_facts(
    request: Request, archive: AnArchive, caller: ACaller, collection: str
) -> Response:
    """Count what a collection holds, of what you may find."""
    return send(request, facts_out(await contents.facts_of(archive, caller, collection)))


@router.get("/{collection}/series", response_model=Page[SeriesOut], responses=problems(400, 401, 404))
async def collection_series(
    request: Request,
    archive: AnArchive,
    caller: ACaller,
    collection: str,
    *,
    analysis_results: Annotated[
        Results, Query(description="Whether series of analysis results in its studies are listed too")
    ] = "include",
    after: After = "",
    limit: Limit = 100,
) -> Response:
    """List the series that you may find, each with its licence, DOI, site and tier."""
    found = await contents.series(archive, caller, collection, analysis_results, _cursor(after), limit)
    shown = Page[SeriesOut](
        items=[series_out(each) for each in found[:limit]],
        next=_next(found[limit - 1].listed[:3]) if len(found) > limit else None,
    )
    return send(request, shown)


async def _shown(request: Request, archive: Any, caller: Any, slug: str) -> CollectionOut:
    shown = await collections.get(archive, caller, slug)
    return await in_thread(collection_out, shown, public_url(request, archive))


def _wanted(said: Changes) -> Wanted:
    stated = said.model_dump(mode="json", exclude_unset=True)
    return Wanted(
        {name: stated[name] for name in _COLUMNS if name in stated},
        {name: value for name, value in stated.items() if name in Record.model_fields},
        tuple(said.sources) if "sources" in stated else None,
    )


def _said(asked: dict[str, str | None]) -> dict[str, str]:
    return {name: value for name, value in asked.items() if value}


def _next(place: tuple[Any, ...]) -> str:
    return "/".join(map(str, place))


def _cursor(after: str) -> Cursor:
    if not after:
        return START
    study, _, rest = after.partition("/")
    series, _, unit = rest.partition("/")
    if not (unit.isascii() and unit.isdigit() and len(unit) < 19) or "\0" in after:
        raise InvalidRequest("The parameter after takes what `next` gave.")
    return study, series, int(unit)
