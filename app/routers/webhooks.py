"""Webhooks: `/api/v1/webhooks`. Messages are signed as Standard Webhooks says."""

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Request, Response, status
from pydantic import BaseModel, ConfigDict, Field

from app.registry.webhooks import Webhook
from app.routers.addresses import public_url
from app.routers.api import PREFIX, After, Limit, Page, page, problems
from app.routers.dependencies import ACaller, AnArchive
from app.routers.tokens import NOT_KEPT
from app.routers.words import Row, number
from app.services import webhooks

router = APIRouter(prefix=f"{PREFIX}/webhooks", tags=["webhooks"])

Event = Literal["collection.version.published", "collection.changed", "withdrawal"]
_URL = "https://hooks.example.org/readingroom"


class NewWebhook(BaseModel):
    """A webhook to be made."""

    model_config = ConfigDict(extra="forbid")

    url: Annotated[str, Field(max_length=2_000, pattern=r"^[!-~]+$")] = Field(examples=[_URL])
    events: Annotated[list[Event], Field(min_length=1, max_length=10)] = Field(
        examples=[["collection.version.published"]]
    )


class AWebhook(BaseModel):
    """A webhook, without its secret."""

    id: int = Field(examples=[7])
    url: str = Field(examples=[_URL])
    events: list[Event] = Field(examples=[["collection.version.published"]])
    created_at: datetime


class MadeWebhook(AWebhook):
    """A webhook with its secret, which is shown this once."""

    secret: str = Field(examples=["whsec_…"], description="What its messages are signed with")


@router.post("", status_code=status.HTTP_201_CREATED, responses=problems(400, 401, 403, 409))
async def make_webhook(
    request: Request, response: Response, archive: AnArchive, caller: ACaller, new: NewWebhook
) -> MadeWebhook:
    """Be told of events in what you may know of, at a public address over https."""
    made, secret = await webhooks.make(archive, caller, new.url, new.events)
    home = public_url(request, archive)
    response.headers.update({"Location": f"{home}{PREFIX}/webhooks/{made.id}", **NOT_KEPT})
    return MadeWebhook(**_out(made).model_dump(), secret=secret)


@router.get("", responses=problems(400, 401, 403))
async def list_webhooks(
    archive: AnArchive, caller: ACaller, after: After = "0", limit: Limit = 100
) -> Page[AWebhook]:
    """List your webhooks."""
    found = await webhooks.page(archive, caller, number(after), limit + 1)
    return page([_out(each) for each in found], limit, "id")


@router.get("/{webhook}", responses=problems(400, 401, 403, 404))
async def get_webhook(archive: AnArchive, caller: ACaller, webhook: Row) -> AWebhook:
    """Look at one of your webhooks."""
    return _out(await webhooks.get(archive, caller, webhook))


@router.delete("/{webhook}", status_code=status.HTTP_204_NO_CONTENT, responses=problems(400, 401, 403, 404))
async def delete_webhook(archive: AnArchive, caller: ACaller, webhook: Row) -> None:
    """Delete a webhook: nothing more is sent to it."""
    await webhooks.remove(archive, caller, webhook)


def _out(webhook: Webhook) -> AWebhook:
    return AWebhook.model_validate({name: getattr(webhook, name) for name in AWebhook.model_fields})
