"""Sites and access units of a collection: who sends to it, and who may see which part of it."""

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from app.access.decide import Unit
from app.errors import InvalidRequest
from app.registry.record import Line, Tier
from app.routers.addresses import public_url
from app.routers.api import PREFIX, After, Limit, Page, page, problems, require_match
from app.routers.collection_models import UnitRules
from app.routers.dependencies import ACaller, AnArchive
from app.routers.representations import send, tag
from app.services import units
from app.services.units import SiteShown

router = APIRouter(prefix=f"{PREFIX}/collections/{{collection}}", tags=["sites"])

_Expected = Annotated[int | None, Field(ge=0, le=2**31 - 1, description="Studies promised", examples=[50])]
_Uids = Annotated[list[Annotated[str, Field(pattern=r"^[0-9.]{1,64}$")]], Field(max_length=10_000)]


class SiteChanges(BaseModel):
    """What may be said of a site; what is left out stays."""

    model_config = ConfigDict(extra="forbid")

    name: Line = Field(default="", examples=["University Hospital"])
    expected_studies: _Expected = None


class NewSite(SiteChanges):
    """A site to be made, with its access unit: like the collection's own where nothing else is said."""

    slug: str = Field(max_length=120, examples=["university-hospital"])
    name: Line = Field(examples=["University Hospital"])
    tier: Tier = Field(default="private", examples=["open"])
    embargo_until: date | None = Field(default=None, examples=["2030-01-01"])
    hidden: bool = Field(default=True, examples=[False])


class Progress(BaseModel):
    """How much of what a site promised has come, in studies."""

    expected: int | None = Field(examples=[50])
    received: int = Field(examples=[12], description="All of them")
    shown: int = Field(examples=[10], description="Of these, part of the collection by now")
    drafts: int = Field(examples=[3], description="Of these, in submissions")


class SiteOut(BaseModel):
    """One of several that submit to a collection."""

    slug: str = Field(examples=["university-hospital"])
    name: str = Field(examples=["University Hospital"])
    units: list[int] = Field(examples=[[2]], description="Its access units")
    progress: Progress | None = Field(description="For those who curate there or submit")


class NewUnit(UnitRules):
    """An access unit to be made, of the collection or of one of its sites."""

    site: str | None = Field(default=None, max_length=120, examples=["university-hospital"])


class UnitOut(UnitRules):
    """A part of the collection with its own visibility."""

    id: int = Field(examples=[2])
    site: str | None = Field(examples=["university-hospital"])


class Moving(BaseModel):
    """Series by their UIDs, or all series of studies."""

    model_config = ConfigDict(extra="forbid")

    series: _Uids = Field(default=[], examples=[["1.2.840.1.1"]])
    studies: _Uids = Field(default=[], examples=[["1.2.840.1"]])


class MovedOut(BaseModel):
    """What was moved; what lay there already is not counted."""

    series: int = Field(examples=[1])
    instances: int = Field(examples=[100])


@router.post("/sites", status_code=201, response_model=SiteOut, responses=problems(400, 401, 403, 404, 409))
async def create_site(
    request: Request, archive: AnArchive, caller: ACaller, collection: str, new: NewSite
) -> Response:
    """Make a site, with its own access unit; for the collection's owners."""
    values = {"name": new.name, "expected_studies": new.expected_studies}
    unit = new.model_dump(include=set(UnitRules.model_fields), exclude_unset=True)
    await units.create_site(archive, caller, collection, new.slug, values, unit)
    location = f"{public_url(request, archive)}{PREFIX}/collections/{collection}/sites/{new.slug}"
    shown = await units.get_site(archive, caller, collection, new.slug)
    return send(request, _site(shown), 201, location=location)


@router.get("/sites", response_model=Page[SiteOut], responses=problems(400, 401, 404))
async def list_sites(
    request: Request,
    archive: AnArchive,
    caller: ACaller,
    collection: str,
    after: After = "",
    limit: Limit = 100,
) -> Response:
    """List the sites, by slug, with their progress for those who curate there or submit."""
    found = await units.list_sites(archive, caller, collection)
    items = [_site(each) for each in found if each.site.slug > after]
    return send(request, page(items, limit, "slug"))


@router.get("/sites/{site}", response_model=SiteOut, responses=problems(401, 404))
async def get_site(
    request: Request, archive: AnArchive, caller: ACaller, collection: str, site: str
) -> Response:
    """Describe a site."""
    return send(request, _site(await units.get_site(archive, caller, collection, site)))


@router.patch("/sites/{site}", response_model=SiteOut, responses=problems(400, 401, 403, 404, 412))
async def change_site(
    request: Request, archive: AnArchive, caller: ACaller, collection: str, site: str, changes: SiteChanges
) -> Response:
    """Change a site's name or what is expected of it; for its owners."""
    shown = await units.get_site(archive, caller, collection, site)
    require_match(request, tag(_site(shown)))
    await units.change_site(archive, caller, collection, shown, changes.model_dump(exclude_unset=True))
    return send(request, _site(await units.get_site(archive, caller, collection, site)))


@router.get("/units", response_model=Page[UnitOut], responses=problems(400, 401, 404))
async def list_units(
    request: Request,
    archive: AnArchive,
    caller: ACaller,
    collection: str,
    after: After = "",
    limit: Limit = 100,
) -> Response:
    """List the access units that you may know of."""
    if after and not (after.isascii() and after.isdigit()):
        raise InvalidRequest("The parameter after takes what `next` gave.")
    least = int(after[:19] or 0)
    found = await units.list_units(archive, caller, collection)
    items = [_unit(*each) for each in found if each[0].id > least]
    return send(request, page(items, limit, "id"))


@router.post("/units", status_code=201, response_model=UnitOut, responses=problems(400, 401, 403, 404))
async def create_unit(
    request: Request, archive: AnArchive, caller: ACaller, collection: str, new: NewUnit
) -> Response:
    """Make an access unit; for owners of the collection, or of the site."""
    values = new.model_dump(include=set(UnitRules.model_fields))
    row = await units.create_unit(archive, caller, collection, new.site, values)
    location = f"{public_url(request, archive)}{PREFIX}/collections/{collection}/units/{row}"
    return send(
        request, _unit(*await units.get_unit(archive, caller, collection, row)), 201, location=location
    )


@router.get("/units/{unit}", response_model=UnitOut, responses=problems(400, 401, 404))
async def get_unit(
    request: Request, archive: AnArchive, caller: ACaller, collection: str, unit: int
) -> Response:
    """Describe an access unit."""
    return send(request, _unit(*await units.get_unit(archive, caller, collection, unit)))


@router.patch("/units/{unit}", response_model=UnitOut, responses=problems(400, 401, 403, 404, 412))
async def change_unit(
    request: Request, archive: AnArchive, caller: ACaller, collection: str, unit: int, changes: UnitRules
) -> Response:
    """Change who may see what lies in an access unit; for its owners."""
    found, site = await units.get_unit(archive, caller, collection, unit)
    require_match(request, tag(_unit(found, site)))
    await units.change_unit(archive, caller, collection, found, changes.model_dump(exclude_unset=True))
    return send(request, _unit(*await units.get_unit(archive, caller, collection, unit)))


@router.post("/units/{unit}/series", response_model=MovedOut, responses=problems(400, 401, 403, 404, 409))
async def move_series(
    archive: AnArchive, caller: ACaller, collection: str, unit: int, moving: Moving
) -> MovedOut:
    """Move series into this access unit, out of all others in which you may curate."""
    moved = await units.move(archive, caller, collection, unit, moving.studies, moving.series)
    return MovedOut(series=moved.series, instances=moved.instances)


def _site(shown: SiteShown) -> SiteOut:
    site, progress = shown.site, None
    if shown.progress:
        received, live, drafts = shown.progress
        progress = Progress(expected=site.expected_studies, received=received, shown=live, drafts=drafts)
    return SiteOut(slug=site.slug, name=site.name, units=[unit.id for unit in shown.units], progress=progress)


def _unit(unit: Unit, site: str | None) -> UnitOut:
    return UnitOut.model_validate(
        {
            "id": unit.id,
            "site": site,
            "tier": unit.tier,
            "embargo_until": unit.embargo_until,
            "hidden": unit.hidden,
        }
    )
