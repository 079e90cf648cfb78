"""Why somebody may do what they may do in a collection, and how they get to do more:
`/api/v1/collections/{collection}/explain` and `…/access`.
"""

from datetime import date, datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from app.access.decide import Capabilities
from app.routers.api import PREFIX, problems
from app.routers.dependencies import ACaller, AnArchive
from app.routers.given import MOST, CollectionPath
from app.routers.requests import State, status
from app.services import explain
from app.services.explain import Explained
from app.viewer import Capability

router = APIRouter(prefix=f"{PREFIX}/collections/{{collection}}", tags=["access"])

_CAPABLE = ["metadata.read"]
_CAN = Literal["metadata.read", "pixel.read", "download", "annotate", "submit", "curate", "grant"]


class Unit(BaseModel):
    """What shares one rule of visibility, and what may be done with it."""

    unit: int = Field(examples=[1])
    site: str | None = Field(examples=[None])
    tier: Literal["open", "registered", "request", "private"] = Field(examples=["request"])
    embargo_until: date | None = Field(examples=[None])
    hidden: bool = Field(examples=[False], description="Whether even the metadata are for members only")
    capabilities: list[_CAN] = Field(examples=[_CAPABLE])
    how_to_get_in: str | None = Field(
        examples=["The metadata are public; the data are for those who asked for access and were granted it."]
    )


class Rule(BaseModel):
    """One rule that was looked at, and what it gives."""

    rule: str = Field(examples=["The tier request gives whoever has signed in: metadata.read."])
    gives: list[_CAN] = Field(examples=[_CAPABLE])


class Why(BaseModel):
    """Whether something may be done, and by which rules, or why not."""

    allowed: bool = Field(examples=[False])
    because: list[str] = Field(examples=[["No rule gives it."]])


class UnitExplained(Unit):
    """The same, with the reasons."""

    rules: list[Rule]
    why: dict[_CAN, Why] = Field(
        examples=[{"download": {"allowed": False, "because": ["No rule gives it."]}}]
    )


class Explanation(BaseModel):
    """What somebody may do in a collection, and why."""

    collection: str = Field(examples=["lung-screening"])
    person: int | None = Field(examples=[None], description="Whose rights; none: your own")
    units: list[UnitExplained]


class Agreement(BaseModel):
    """The agreement that those who ask for access accept."""

    version: int = Field(examples=[1])
    sha256: str = Field(examples=["9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"])
    address: str = Field(examples=["/api/v1/collections/lung-screening/agreements/1"])


class Asked(BaseModel):
    """What you asked for last."""

    id: int = Field(examples=[3])
    state: State = Field(examples=["approved"])
    access: str | None = Field(examples=["active"])
    ends_at: datetime | None = Field(examples=["2030-01-01T00:00:00Z"])


class Standing(BaseModel):
    """How you stand in a collection."""

    collection: str = Field(examples=["lung-screening"])
    licence: str = Field(examples=["CC-BY-4.0"])
    units: list[Unit]
    agreement: Agreement | None
    takes_requests: bool = Field(examples=[True])
    request: Asked | None


@router.get("/explain", responses=problems(400, 401, 403, 404))
async def explain_access(
    collection: CollectionPath,
    archive: AnArchive,
    caller: ACaller,
    person: Annotated[
        int | None, Query(ge=1, le=MOST, description="Somebody else: for those who own", examples=[None])
    ] = None,
) -> Explanation:
    """Say which rule gives or denies what, for each part of the collection that you know of."""
    found = await explain.explain(archive, caller, collection, person)
    return Explanation(collection=collection, person=person, units=[_explained(each) for each in found])


@router.get("/access", responses=problems(400, 401, 404))
async def read_access(collection: CollectionPath, archive: AnArchive, caller: ACaller) -> Standing:
    """Say how access to a collection is had, and how you stand."""
    found = await explain.standing(archive, caller, collection)
    agreement, request = found.agreement, found.request
    path = f"{PREFIX}/collections/{collection}/agreements"
    return Standing(
        collection=collection,
        licence=found.licence,
        units=[Unit.model_validate(_unit(each)) for each in found.units],
        agreement=agreement
        and Agreement(
            version=agreement.version,
            sha256=agreement.sha256.hex(),
            address=f"{path}/{agreement.version}",
        ),
        takes_requests=found.takes_requests,
        request=request
        and Asked(id=request.id, state=request.state, access=status(request), ends_at=request.ends_at),
    )


def _unit(found: Explained) -> dict[str, object]:
    unit = found.unit
    return {
        "unit": unit.id,
        "site": found.site,
        "tier": unit.tier,
        "embargo_until": unit.embargo_until,
        "hidden": unit.hidden,
        "capabilities": _listed(found.able),
        "how_to_get_in": found.advice,
    }


def _explained(found: Explained) -> UnitExplained:
    why = {each.value: _why(found, each) for each in Capability}
    rules = [{"rule": each.rule, "gives": _listed(each.gives)} for each in found.rules]
    return UnitExplained.model_validate({**_unit(found), "rules": rules, "why": why})


def _why(found: Explained, capability: Capability) -> dict[str, object]:
    gave = [each.rule for each in found.rules if capability in each.gives]
    if capability in found.withheld:
        gave = ["Your token or link leaves it out."]
    return {"allowed": capability in found.able, "because": gave or ["No rule gives it."]}


def _listed(capable: Capabilities) -> list[str]:
    return [each.value for each in Capability if each in capable]
