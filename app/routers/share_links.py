"""Share links: `/api/v1/share-links`."""

from datetime import datetime
from typing import Annotated, Literal
from urllib.parse import quote

from fastapi import APIRouter, Request, Response, status
from pydantic import BaseModel, ConfigDict, Field

from app.registry import share_links as rows
from app.routers.addresses import public_url
from app.routers.api import PREFIX, After, Limit, Page, page, problems
from app.routers.dependencies import ACaller, AnArchive
from app.routers.tokens import NOT_KEPT
from app.routers.words import Row, Slug, Uid, Until, Words, number
from app.services import tokens
from app.viewer import Capability

router = APIRouter(prefix=f"{PREFIX}/share-links", tags=["share-links"])


class NewLink(BaseModel):
    """A link to be made: to a collection, to studies, to studies of a collection, or to a cart."""

    model_config = ConfigDict(extra="forbid")

    collection: Slug | None = Field(default=None, examples=["inbox"])
    studies: Annotated[list[Uid], Field(max_length=1000, examples=[["1.2.3"]])] = []
    cart: str | None = Field(default=None, pattern=r"^[0-9a-f]{32}$", examples=[None])
    capability: Literal["pixel.read", "download"] = Field(
        default="pixel.read", description="To look at it, or also to take it whole"
    )
    expires_at: Until = Field(description="Within a year")
    most_uses: Annotated[int, Field(ge=1, le=1_000_000, examples=[20])] | None = Field(
        default=None, description="How often it may be opened as a page; any number by default"
    )
    note: Words = Field(default="", examples=["for the reviewers"])


class ALink(BaseModel):
    """A link, without its secret."""

    id: int = Field(examples=[3])
    collection: str | None = Field(examples=["inbox"])
    studies: list[str] = Field(examples=[["1.2.3"]])
    cart: str | None = Field(examples=[None])
    capability: str = Field(examples=["pixel.read"])
    note: str = Field(examples=["for the reviewers"])
    uses: int = Field(examples=[0], description="How often it was opened as a page")
    most_uses: int | None = Field(examples=[20])
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None = Field(examples=[None])


class MadeLink(ALink):
    """A link with its secret, which is shown this once."""

    token: str = Field(examples=["rrl_Ab3..."], description="Send it as Bearer, or as `?token=`")
    url: str = Field(examples=["https://archive.example.org/collections/inbox/viewer?token=rrl_Ab3..."])


@router.post("", status_code=status.HTTP_201_CREATED, responses=problems(400, 401, 403, 404))
async def make_link(
    request: Request, response: Response, archive: AnArchive, caller: ACaller, new: NewLink
) -> MadeLink:
    """Make a link. It gives what you may do yourself, no more, and for no longer than you may."""
    made, secret = await tokens.make_link(
        archive,
        caller,
        new.collection,
        new.studies,
        new.cart,
        Capability(new.capability),
        new.expires_at,
        new.most_uses,
        new.note,
    )
    home = public_url(request, archive)
    response.headers.update({"Location": f"{home}{PREFIX}/share-links/{made.id}", **NOT_KEPT})
    return MadeLink(**_told(made).model_dump(), token=secret, url=home + _viewer(made, secret))


@router.get("", responses=problems(400, 401, 403))
async def list_links(
    archive: AnArchive, caller: ACaller, after: After = "0", limit: Limit = 100
) -> Page[ALink]:
    """List your links, those that have ended too."""
    tokens.require_themselves(caller)
    start = number(after)
    found = await archive.database.lookup(
        lambda connection: rows.page(connection, caller.person, start, limit + 1)
    )
    return page([_told(each) for each in found], limit, "id")


@router.get("/{link}", responses=problems(401, 403, 404))
async def get_link(archive: AnArchive, caller: ACaller, link: Row) -> ALink:
    """Look at one of your links."""
    return _told(await tokens.link_of(archive, caller, link))


@router.delete("/{link}", status_code=status.HTTP_204_NO_CONTENT, responses=problems(401, 403, 404))
async def revoke_link(archive: AnArchive, caller: ACaller, link: Row) -> None:
    """Take a link back: whoever followed it sees nothing more by it."""
    await tokens.revoke_link(archive, caller, link)


def _told(link: rows.ShareLink) -> ALink:
    return ALink(**{name: getattr(link, name) for name in ALink.model_fields})


def _viewer(link: rows.ShareLink, secret: str) -> str:
    """Where the viewer shows it: the studies, or the list of them."""
    root = f"/collections/{quote(link.collection, safe='')}" if link.collection else ""
    root = f"/carts/{link.cart}" if link.cart else root
    studies = f"/viewer?StudyInstanceUIDs={','.join(link.studies)}&" if link.studies else "?"
    return f"{root}/viewer{studies}token={secret}"
