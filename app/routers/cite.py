"""How it is cited: `/api/v1/collections/{collection}/cite`."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field

from app.citing import apa, signposting
from app.citing.formats import FORMATS, described
from app.citing.work import Work, cleaned
from app.routers.addresses import public_url
from app.routers.api import PREFIX, problems
from app.routers.dependencies import ACaller, AnArchive, get_ask
from app.routers.representations import send_bytes
from app.routers.words import Number
from app.services import cite
from app.services.cite import OURS, Citation
from app.wire.accept import Offer

router = APIRouter(prefix=PREFIX, tags=["cite"])
_OF = "/collections/{collection}"

_OFFERS = (
    Offer(OURS, "application/json"),
    *(Offer(name, each.media_type) for name, each in FORMATS.items() if each.negotiated),
)
_GIVEN: dict[int | str, dict[str, Any]] = {
    200: {"content": {each.media_type: {} for each in FORMATS.values()}}
}
_ANSWERS = {**problems(400, 401, 404), **_GIVEN}
Format = Annotated[
    str | None,
    Query(
        max_length=40,
        description=f"Instead of Accept: {', '.join([OURS, *FORMATS])}",
        examples=["bibtex"],
    ),
]


class WorkOut(BaseModel):
    """Something to be cited."""

    slug: str = Field(examples=["chest-ct"])
    title: str = Field(examples=["Chest CT of 100 people"])
    version: str | None = Field(examples=["2"])
    identifier: str | None = Field(examples=["10.5072/abcd-1234"], description="A DOI, or `local:…`")
    url: str = Field(examples=["https://doi.org/10.5072/abcd-1234"])
    citation: str = Field(examples=["Doe, J. (2026). Chest CT of 100 people (Version 2) [Data set]. …"])


class LicenceOut(BaseModel):
    """A licence, and which of the works are under it."""

    id: str = Field(examples=["CC-BY-4.0"])
    name: str = Field(examples=["Creative Commons Attribution 4.0 International"])
    url: str = Field(examples=["https://creativecommons.org/licenses/by/4.0/"])
    works: list[str] = Field(examples=[["chest-ct"]])


class AlsoOut(BaseModel):
    """What the people of these collections ask to be cited beside them."""

    text: str = Field(examples=["Roe R, Doe J (2024). Chest CT of 100 people."])
    doi: str | None = Field(examples=["10.1234/example"])


class CitationOut(BaseModel):
    """What is to be cited, under which licences it is given, and whom its people want thanked."""

    works: list[WorkOut]
    dois: list[str] = Field(examples=[["10.5072/abcd-1234"]])
    licences: list[LicenceOut]
    acknowledgements: list[str] = Field(examples=[["Please thank the Chest imaging group."]])
    also: list[AlsoOut]


@router.get(_OF + "/cite", response_model=CitationOut, responses=_ANSWERS)
async def cite_collection(
    request: Request,
    archive: AnArchive,
    caller: ACaller,
    collection: str,
    format: Format = None,  # noqa: A002
) -> Response:
    """Cite a collection: its DOI, citation, licence and acknowledgement, in the form that is asked for."""
    host = public_url(request, archive)
    return await sent(request, await cite.collection(archive, caller, collection, None, host), format)


@router.get(
    _OF + "/versions/{version}/cite",
    response_model=CitationOut,
    responses=_ANSWERS,
)
async def cite_version(
    request: Request,
    archive: AnArchive,
    caller: ACaller,
    collection: str,
    version: Number,
    format: Format = None,  # noqa: A002
) -> Response:
    """Cite a version of a collection, which never changes."""
    host = public_url(request, archive)
    return await sent(request, await cite.collection(archive, caller, collection, version, host), format)


@router.get("/carts/{cart}/cite", response_model=CitationOut, responses=_ANSWERS)
async def cite_cart(
    request: Request,
    archive: AnArchive,
    caller: ACaller,
    cart: str,
    format: Format = None,  # noqa: A002
) -> Response:
    """Cite a cart, and the collections that what you find of it is taken from."""
    host = public_url(request, archive)
    return await sent(request, await cite.cart(archive, caller, cart, host), format)


async def sent(request: Request, citation: Citation, name: str | None) -> Response:
    """A citation in the form that is asked for. Raises NotAcceptable."""
    name = name or get_ask(request).choose(_OFFERS).name
    work = citation.works[0]
    headers = {"Link": signposting.header(cleaned(work), described(work))}
    if name == OURS:
        body = _out(citation).model_dump_json().encode()
        return send_bytes(request, body, "application/json", headers=headers)
    body = await cite.written(citation, name)
    return send_bytes(request, body, FORMATS[name].media_type, headers=headers)


def _out(citation: Citation) -> CitationOut:
    found = [cleaned(each) for each in citation.works]
    return CitationOut(
        works=[_work(each) for each in found],
        dois=list(dict.fromkeys(each.doi for each in found if each.doi)),
        licences=[
            LicenceOut(id=each.id, name=each.name, url=each.url, works=list(slugs))
            for each, slugs in citation.licences.items()
        ],
        acknowledgements=list(citation.acknowledgements),
        also=[AlsoOut(text=text, doi=doi or None) for text, doi in citation.also],
    )


def _work(work: Work) -> WorkOut:
    return WorkOut(
        slug=work.slug,
        title=work.title,
        version=work.version or None,
        identifier=work.identifier or None,
        url=work.link,
        citation=apa.text(work),
    )
