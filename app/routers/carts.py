"""Carts: `/api/v1/carts`."""

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from app.registry.carts import Cart
from app.routers.addresses import public_url
from app.routers.api import PREFIX, After, Limit, Page, problems, require_match
from app.routers.dependencies import ACaller, AnArchive
from app.routers.representations import send, tag
from app.routers.words import Slug, Uid, Words, number
from app.services import carts
from app.services.carts import Licensed, Shown, Wanted

router = APIRouter(prefix=f"{PREFIX}/carts", tags=["carts"])

Audience = Literal["nobody", "registered", "anyone"]
_Text = Annotated[str, Field(max_length=3_000, pattern=r"^[^\x00]*$")]
_Uids = Annotated[list[Uid], Field(max_length=20_000)]


class Named(BaseModel):
    """What is said of a cart; what is left out stays as it is."""

    model_config = ConfigDict(extra="forbid")

    name: Words = Field(default="", examples=["Nodules above 8 mm"])
    description: _Text = Field(default="", examples=["Chosen by two readers"])
    audience: Audience = Field(
        default="nobody",
        description="Who may open it beside you; each sees of it what they may see of the series",
        examples=["registered"],
    )


class NewCart(Named):
    """A cart to be made, of what you find now: it names revisions, and never changes."""

    name: Words = Field(min_length=1, examples=["Nodules above 8 mm"])
    collection: Slug | None = Field(default=None, description="Only of this one", examples=["chest-ct"])
    version: Annotated[int, Field(ge=1, le=2**31 - 1)] | None = Field(default=None, examples=[1])
    studies: _Uids = Field(default=[], examples=[["1.2.3"]])
    series: _Uids = Field(default=[], examples=[["1.2.3.4"]])
    search: Annotated[str, Field(max_length=4_000, pattern=r"^[^\x00]*$")] | None = Field(
        default=None,
        description="A search for series as QIDO-RS has it; all that it finds",
        examples=["Modality=CT&BodyPartExamined=CHEST"],
    )


class UnderLicence(BaseModel):
    """How much of a cart comes from a collection, under its licence."""

    collection: str | None = Field(description="None of one that you may not know of", examples=["chest-ct"])
    licence: str = Field(examples=["CC-BY-NC-4.0"])
    licence_url: str = Field(examples=["https://creativecommons.org/licenses/by-nc/4.0/"])
    doi: str | None = Field(examples=["10.1234/abcd-1234"])
    series: int = Field(examples=[3])


class Listed(BaseModel):
    """A cart, without what is in it."""

    key: str = Field(examples=["5f0c8a1e9b7d4c2f5f0c8a1e9b7d4c2f"])
    name: str = Field(examples=["Nodules above 8 mm"])
    description: str = Field(examples=["Chosen by two readers"])
    audience: Audience = Field(examples=["registered"])
    doi: str | None = Field(examples=[None])
    created_at: datetime
    dicom_web: str = Field(
        examples=["https://archive.example.org/carts/5f0c8a1e9b7d4c2f5f0c8a1e9b7d4c2f/dicom-web"]
    )


class InFull(Listed):
    """The same, and how much is in it, of what you may find."""

    own: bool = Field(description="Whether it is yours to change", examples=[True])
    studies: int = Field(examples=[12])
    series: int = Field(examples=[40])
    instances: int = Field(examples=[5321])
    bytes: int = Field(examples=[2800000000])
    series_to_download: int = Field(description="How many of the series you may download", examples=[37])
    series_non_commercial: int = Field(description="That may not be used commercially", examples=[3])
    licences: list[UnderLicence]
    in_words: str = Field(examples=["3 of 40 series may not be used commercially."])


@router.post("", status_code=201, response_model=InFull, responses=problems(400, 401, 403, 404))
async def make_cart(request: Request, archive: AnArchive, caller: ACaller, new: NewCart) -> Response:
    """Keep series under a name: those of studies, those of this list, those that a search finds."""
    wanted = Wanted(new.collection, new.version, tuple(new.studies), tuple(new.series), new.search)
    made = await carts.create(archive, caller, new.model_dump(include=set(Named.model_fields)), wanted)
    host = public_url(request, archive)
    shown = await carts.one(archive, caller, made.key)
    return send(request, _in_full(host, shown), 201, location=f"{host}{PREFIX}/carts/{made.key}")


@router.get("", response_model=Page[Listed], responses=problems(400, 401, 403))
async def list_carts(
    request: Request, archive: AnArchive, caller: ACaller, after: After = "0", limit: Limit = 100
) -> Response:
    """List your own carts, the oldest first."""
    found = await carts.page(archive, caller, number(after), limit + 1)
    host = public_url(request, archive)
    items = [_listed(host, each) for each in found[:limit]]
    following = str(found[limit - 1].id) if len(found) > limit else None
    return send(request, Page[Listed](items=items, next=following))


@router.get("/{cart}", response_model=InFull, responses=problems(401, 404))
async def get_cart(request: Request, archive: AnArchive, caller: ACaller, cart: str) -> Response:
    """Show a cart: how much is in it, of what you may find, and under which licences."""
    return send(request, _in_full(public_url(request, archive), await carts.one(archive, caller, cart)))


@router.patch("/{cart}", response_model=InFull, responses=problems(400, 401, 403, 404, 409, 412))
async def change_cart(
    request: Request, archive: AnArchive, caller: ACaller, cart: str, changes: Named
) -> Response:
    """Change its name, its description, or who may open it. What is in it never changes."""
    host, shown = public_url(request, archive), await carts.one(archive, caller, cart)
    require_match(request, tag(_in_full(host, shown)))
    said = changes.model_dump(exclude_unset=True)
    if said:
        await carts.change(archive, caller, shown.cart, said)
    return send(request, _in_full(host, await carts.one(archive, caller, cart)))


@router.delete("/{cart}", status_code=204, responses=problems(401, 403, 404, 409))
async def delete_cart(archive: AnArchive, caller: ACaller, cart: str) -> None:
    """Delete a cart; the series that it names stay."""
    await carts.drop(archive, caller, cart)


def _listed(host: str, cart: Cart) -> Listed:
    names = "key", "name", "description", "audience", "created_at"
    told = {name: getattr(cart, name) for name in names}
    return Listed(**told, doi=cart.doi or None, dicom_web=f"{host}/carts/{cart.key}/dicom-web")


def _in_full(host: str, shown: Shown) -> InFull:
    sums = {
        name: sum(getattr(part, name) for part in shown.parts)
        for name in ("studies", "series", "instances", "bytes")
    }
    return InFull(
        **_listed(host, shown.cart).model_dump(),
        **sums,
        own=shown.own,
        series_to_download=shown.downloadable,
        series_non_commercial=carts.non_commercial(shown.licensed),
        licences=[_under(each) for each in shown.licensed],
        in_words=in_words(shown),
    )


def in_words(shown: Shown) -> str:
    """The licences of a cart, rolled up."""
    restricted, series = carts.non_commercial(shown.licensed), sum(part.series for part in shown.parts)
    return f"{restricted or 'None'} of {series} series may not be used commercially."


def _under(licensed: Licensed) -> UnderLicence:
    return UnderLicence(
        collection=licensed.collection,
        licence=licensed.licence.id,
        licence_url=licensed.licence.url,
        doi=licensed.doi or None,
        series=sum(part.series for part in licensed.parts),
    )
