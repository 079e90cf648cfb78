"""Which attributes occur, how often, and with which values: `/api/v1/attributes`."""

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field

from app.dicom.attributes import find
from app.index.occurrences import Occurrence
from app.routers.dependencies import AnArchive, get_viewer
from app.services import attributes
from app.viewer import Viewer

router = APIRouter(prefix="/api/v1", tags=["attributes"])

_PROBLEM = "application/problem+json"
_AViewer = Annotated[Viewer, Depends(get_viewer)]
_Collection = Annotated[str | None, Query(description="Only this collection", examples=["inbox"])]
_Limit = Annotated[int, Query(ge=1, le=10_000)]
_Offset = Annotated[int, Query(ge=0, le=2**53)]


class Occurring(BaseModel):
    """An attribute that occurs, with one VR."""

    key: str = Field(
        examples=["00180060"], description="Tags with dots between; `gggg00ee[creator]` if private"
    )
    keyword: str = Field(examples=["KVP"])
    vr: str = Field(examples=["DS"], description="The VR by which it matches")
    studies: int = Field(examples=[5], description="Studies in which it occurs")
    series: int = Field(examples=[12], description="Series in which it occurs")
    instances: int = Field(examples=[340], description="Instances of these series")
    overflowing: int = Field(examples=[0], description="Series of these with more than 64 values, not listed")


class Value(BaseModel):
    """A value in the form in which it is matched, of which the first 256 characters."""

    text: str = Field(examples=["120"])
    number: float | None = Field(examples=[120.0])
    studies: int = Field(examples=[4], description="Studies of these series")
    series: int = Field(examples=[7], description="Series that list it")
    instances: int = Field(examples=[180], description="Instances of these series")


class Histogram(BaseModel):
    """An attribute and its values, the most frequent first."""

    key: str = Field(examples=["00180060"])
    keyword: str = Field(examples=["KVP"])
    occurs: list[Occurring]
    values: list[Value]


def _responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    what = {400: "A parameter is not understood", 404: "No such collection or attribute, or none you may see"}
    example = {"type": "about:blank", "title": "Not Found", "status": 404, "detail": "No such resource."}
    return {
        status: {
            "description": what[status],
            "content": {_PROBLEM: {"example": {**example, "status": status}}},
        }
        for status in statuses
    }


@router.get("/attributes", responses=_responses(400, 404))
async def list_attributes(
    archive: AnArchive,
    viewer: _AViewer,
    collection: _Collection = None,
    matching: Annotated[
        str, Query(description="Keys, with * and ?", examples=["0018*"], max_length=600)
    ] = "",
    limit: _Limit = 1000,
    offset: _Offset = 0,
) -> list[Occurring]:
    """List the attributes that occur, by key, with the number of studies, series and instances."""
    scope = await attributes.scope_of(archive, viewer, collection)
    found = await attributes.occurring(archive, scope, viewer, matching, limit, offset)
    return [_occurring(each) for each in found]


@router.get("/attributes/{attribute}", responses=_responses(400, 404))
async def attribute_values(
    archive: AnArchive,
    viewer: _AViewer,
    attribute: str,
    collection: _Collection = None,
    limit: _Limit = 100,
    offset: _Offset = 0,
) -> Histogram:
    """List the values of one attribute, named as in a search, the most frequent first."""
    scope = await attributes.scope_of(archive, viewer, collection)
    found, occurs, values = await attributes.one(archive, scope, viewer, attribute, limit, offset)
    return Histogram(
        key=found.key,
        keyword=found.keyword,
        occurs=[_occurring(each) for each in occurs],
        values=[Value(**asdict(each)) for each in values],
    )


def _occurring(found: Occurrence) -> Occurring:
    attribute = find(found.path)
    keyword = attribute.keyword if attribute else found.path
    return Occurring(key=found.path, keyword=keyword, **asdict(found))
