"""`/api/v1/facets`: by what the series that you may find can be narrowed, of the archive or a part of it."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel, Field, StringConstraints

from app.routers.api import PREFIX, Limit, problems
from app.routers.dependencies import ACaller, AnArchive
from app.routers.representations import send
from app.routers.words import Number
from app.services import facets
from app.services.facets import BODY_PART, COLLECTION, MANUFACTURER, MODALITY, Chosen, Count, Facets

router = APIRouter(prefix=PREFIX, tags=["facets"])

_GIVEN = problems(400, 401, 404)


class FacetValue(BaseModel):
    """A value as it is stored, null for none, and how much has it of what is else chosen."""

    value: str | None = Field(examples=["CT"])
    series: int = Field(examples=[240])
    instances: int = Field(examples=[24000])
    bytes: int = Field(examples=[12_600_000_000])


class Facet(BaseModel):
    """The values of one attribute, the most frequent first, as many as were asked for."""

    distinct: int = Field(examples=[1], description="How many values there are")
    values: list[FacetValue]


def _facet(value: str) -> Any:
    counted = {"value": value, "series": 240, "instances": 24000, "bytes": 12_600_000_000}
    return Field(examples=[{"distinct": 1, "values": [counted]}])


class FacetsOut(BaseModel):
    """How much there is of all that was chosen, and each facet, counted without what was chosen in itself."""

    series: int = Field(examples=[240])
    instances: int = Field(examples=[24000])
    bytes: int = Field(examples=[12_600_000_000])
    modality: Facet = _facet("CT")
    body_part: Facet = _facet("CHEST")
    manufacturer: Facet = _facet("ACME")
    collection: Facet = _facet("chest-ct")


_Any = list[Annotated[str, StringConstraints(max_length=500)]]
_HOW = "Any of these; an empty one: those without"


def _asked(*examples: str, how: str = _HOW) -> Any:
    return Query(default_factory=list, max_length=100, description=how, examples=[list(examples)])


def _chosen(
    modality: Annotated[_Any, _asked("CT", "PT")],
    body_part: Annotated[_Any, _asked("CHEST")],
    manufacturer: Annotated[_Any, _asked("ACME")],
) -> Chosen:
    """What is chosen in the dimensions of every scope."""
    found = {MODALITY: modality, BODY_PART: body_part, MANUFACTURER: manufacturer}
    return {name: frozenset(values) for name, values in found.items() if values}


_Chosen = Annotated[Chosen, Depends(_chosen)]
_Slugs = Annotated[_Any, _asked("chest-ct", how="Any of these")]


@router.get("/facets", response_model=FacetsOut, responses=problems(400, 401))
async def archive_facets(
    request: Request,
    archive: AnArchive,
    caller: ACaller,
    chosen: _Chosen,
    collection: _Slugs,
    limit: Limit = 100,
) -> Response:
    """Count the series of all collections that you may find, by modality, body part and manufacturer."""
    wanted = {**chosen, COLLECTION: frozenset(collection)} if collection else chosen
    return send(request, _out(await facets.of_archive(archive, caller, wanted), limit))


@router.get("/collections/{collection}/facets", response_model=FacetsOut, responses=_GIVEN)
async def collection_facets(
    request: Request,
    archive: AnArchive,
    caller: ACaller,
    collection: str,
    chosen: _Chosen,
    limit: Limit = 100,
) -> Response:
    """Count the series of a collection that you may find, by modality, body part and manufacturer."""
    return send(request, _out(await facets.of_collection(archive, caller, collection, chosen), limit))


@router.get("/collections/{collection}/versions/{version}/facets", response_model=FacetsOut, responses=_GIVEN)
async def version_facets(
    request: Request,
    archive: AnArchive,
    caller: ACaller,
    collection: str,
    version: Number,
    chosen: _Chosen,
    limit: Limit = 100,
) -> Response:
    """Count the same of a collection as it was published then."""
    return send(request, _out(await facets.of_version(archive, caller, collection, version, chosen), limit))


def _out(found: Facets, limit: int) -> FacetsOut:
    shown = {name: _values(values, limit) for name, values in found.values.items()}
    return FacetsOut(**asdict(found.total), **shown)


def _values(values: Mapping[str, Count], limit: int) -> Facet:
    ordered = sorted(values.items(), key=lambda pair: (-pair[1].series, pair[0]))
    listed = [FacetValue(value=value or None, **asdict(count)) for value, count in ordered[:limit]]
    return Facet(distinct=len(ordered), values=listed)
