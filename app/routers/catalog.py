"""`/api/v1/catalog`: everything that may be known here, in one table."""

import re
from collections.abc import Callable, Sequence
from dataclasses import astuple
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field, TypeAdapter

from app.routers.addresses import public_url
from app.routers.api import PREFIX, problems
from app.routers.dependencies import ACaller, AnArchive, get_ask
from app.routers.representations import send_bytes
from app.services import catalog
from app.services.catalog import Row
from app.wire import csv_out
from app.wire.accept import Offer

router = APIRouter(prefix=PREFIX, tags=["catalog"])

COLUMNS = ("Source", "Data types", "Data focus", "Images", "Patients", "Availability", "License", "Link")
OFFERS = (Offer("json", "application/json"), Offer("csv", "text/csv"), Offer("md", "text/markdown"))
_MARKUP = re.compile(r"([\\`*_{}\[\]<>#|!~])")


class RowOut(BaseModel):
    """One collection; what is counted is counted of what you may find."""

    source: str = Field(examples=["Chest CT of 100 people"])
    data_types: str = Field(examples=["CT, SEG"])
    data_focus: str = Field(examples=["Lung, Lung cancer"])
    images: int | None = Field(examples=[24000], description="Instances")
    patients: int | None = Field(examples=[100])
    availability: str = Field(examples=["Open"])
    license: str = Field(examples=["CC-BY-4.0"])
    link: str = Field(examples=["https://archive.example.org/collections/chest-ct"])


_ROWS = TypeAdapter(list[RowOut])
_EXAMPLE = (
    "Chest CT of 100 people,CT,Lung,24000,100,Open,CC-BY-4.0,https://archive.example.org/collections/chest-ct"
)
_TEXTS = {
    "text/csv": {"schema": {"type": "string"}, "example": f"{','.join(COLUMNS)}\r\n{_EXAMPLE}\r\n"},
    "text/markdown": {"schema": {"type": "string"}},
}


@router.get(
    "/catalog",
    response_model=list[RowOut],
    responses={200: {"description": "The table", "content": _TEXTS}, **problems(400, 401)},
)
async def get_catalog(
    request: Request,
    archive: AnArchive,
    caller: ACaller,
    format: Annotated[Literal["json", "csv", "md"] | None, Query(description="Goes before Accept")] = None,  # noqa: A002
) -> Response:
    """List every collection that you may know of, as JSON, CSV or Markdown."""
    offer = next((each for each in OFFERS if each.name == format), None) or get_ask(request).choose(OFFERS)
    rows = await catalog.rows(archive, caller, public_url(request, archive))
    media_type = offer.media_type if offer.name == "json" else f"{offer.media_type}; charset=utf-8"
    return send_bytes(request, _FORMS[offer.name](rows), media_type)


def _json(rows: Sequence[Row]) -> bytes:
    return _ROWS.dump_json(_ROWS.validate_python(rows, from_attributes=True))


def _csv(rows: Sequence[Row]) -> bytes:
    return csv_out.lines([COLUMNS, *map(astuple, rows)])


def _markdown(rows: Sequence[Row]) -> bytes:
    lines = [COLUMNS, ["---"] * len(COLUMNS), *([_cell(value) for value in astuple(row)] for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines).encode()


def _cell(value: str | int | None) -> str:
    text = "" if value is None else str(value)
    if text.startswith(("http://", "https://")):
        return f"<{text}>"
    return _MARKUP.sub(r"\\\1", text)


_FORMS: dict[str, Callable[[Sequence[Row]], bytes]] = {"json": _json, "csv": _csv, "md": _markdown}
