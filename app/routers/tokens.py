"""Personal tokens: `/api/v1/tokens`."""

from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Request, Response, status
from pydantic import BaseModel, ConfigDict, Field

from app.archive import Archive
from app.models.types import now
from app.registry import tokens as rows
from app.routers.addresses import public_url
from app.routers.api import PREFIX, After, Limit, Page, page, problems
from app.routers.dependencies import ACaller, AnArchive
from app.routers.words import Row, Slug, Until, Words, number
from app.services import tokens
from app.viewer import Capability

router = APIRouter(prefix=f"{PREFIX}/tokens", tags=["tokens"])
#: Whoever does not say when a token is to end.
LASTING = timedelta(days=90)
NOT_KEPT = {"Cache-Control": "no-store"}


class NewToken(BaseModel):
    """A token to be made."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[Words, Field(min_length=1, examples=["nightly download"])]
    scopes: Annotated[
        list[Capability],
        Field(max_length=20, examples=[["metadata.read", "pixel.read", "download"]]),
    ] = Field(default=[], description="It lets do only this of what you may do; all where there is none")
    collections: Annotated[list[Slug], Field(max_length=100, examples=[["inbox"]])] = Field(
        default=[], description="It lets do so only there; everywhere where there is none"
    )
    expires_at: Until | None = Field(default=None, description="Within a year; by default in 90 days")


class ATokenOfMine(BaseModel):
    """A token, without its secret."""

    id: int = Field(examples=[7])
    name: str = Field(examples=["nightly download"])
    beginning: str = Field(examples=["rr_Ab3dE"], description="Its first characters")
    scopes: list[Capability] = Field(examples=[["metadata.read"]])
    collections: list[str] = Field(examples=[["inbox"]])
    created_at: datetime
    expires_at: datetime
    used_at: datetime | None = Field(examples=[None], description="When it was last used, to the minute")
    revoked_at: datetime | None = Field(examples=[None])


class MadeToken(ATokenOfMine):
    """A token with its secret, which is shown this once."""

    token: str = Field(
        examples=["rr_Ab3dE..."], description="Send it as Bearer, or as password with any name"
    )


@router.post("", status_code=status.HTTP_201_CREATED, responses=problems(400, 401, 403, 404))
async def make_token(
    request: Request, response: Response, archive: AnArchive, caller: ACaller, new: NewToken
) -> MadeToken:
    """Make a token. Its secret is shown in this answer only."""
    ends = new.expires_at or now() + LASTING
    made, secret = await tokens.make_token(archive, caller, new.name, new.scopes, new.collections, ends)
    response.headers["Location"] = f"{public_url(request, archive)}{PREFIX}/tokens/{made.id}"
    return await _made(response, archive, made, secret)


@router.get("", responses=problems(400, 401, 403))
async def list_tokens(
    archive: AnArchive, caller: ACaller, after: After = "0", limit: Limit = 100
) -> Page[ATokenOfMine]:
    """List your tokens, those that have ended too."""
    tokens.require_themselves(caller)
    start = number(after)
    found = await archive.database.lookup(
        lambda connection: rows.page(connection, caller.person, start, limit + 1)
    )
    return page([await _told(archive, each) for each in found], limit, "id")


@router.get("/{token}", responses=problems(401, 403, 404))
async def get_token(archive: AnArchive, caller: ACaller, token: Row) -> ATokenOfMine:
    """Look at one of your tokens."""
    return await _told(archive, await tokens.token_of(archive, caller, token))


@router.delete("/{token}", status_code=status.HTTP_204_NO_CONTENT, responses=problems(401, 403, 404))
async def revoke_token(archive: AnArchive, caller: ACaller, token: Row) -> None:
    """Take a token back: from now on it stands for nobody."""
    await tokens.revoke_token(archive, caller, token)


@router.post("/{token}/rotate", responses=problems(401, 403, 404, 409))
async def rotate_token(response: Response, archive: AnArchive, caller: ACaller, token: Row) -> MadeToken:
    """Give a token another secret, for as long again; the one before ends now. A token may do so itself."""
    return await _made(response, archive, *await tokens.renew_token(archive, caller, token))


async def _told(archive: Archive, token: rows.Token) -> ATokenOfMine:
    register = await archive.rights.register()
    slugs = {known.id: slug for slug, known in register.collections.items()}
    within = [slugs[row] for row in token.collections if row in slugs]
    values = {name: getattr(token, name) for name in rows.Token.__slots__ if name != "collections"}
    return ATokenOfMine(**values, collections=within)


async def _made(response: Response, archive: Archive, token: rows.Token, secret: str) -> MadeToken:
    response.headers.update(NOT_KEPT)
    return MadeToken(**(await _told(archive, token)).model_dump(), token=secret)
