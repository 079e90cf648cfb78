"""Versions of collections and what changed between them, as the JSON API shows them."""

from datetime import datetime
from typing import Annotated, Literal
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, Field

from app.errors import InvalidRequest
from app.index.changes import Change, Counts
from app.registry.versions import Version, Withdrawal
from app.routers.words import Uid
from app.services.changes import Instances

#: A UID, or the empty text for all of what is above it.
_Part = Annotated[str, Field(pattern=r"^([0-9]+(\.[0-9]+)*)?$", max_length=64)]
_Note = Annotated[str, Field(max_length=3_000, pattern=r"^[^\x00]*$")]


class AWithdrawal(BaseModel):
    """What is to be withdrawn: a study, a series of it, or an instance."""

    model_config = ConfigDict(extra="forbid")

    study: Uid = Field(examples=["1.2.3"])
    series: _Part = Field(default="", examples=["1.2.3.4"])
    instance: _Part = Field(default="", examples=[""])
    reason: Annotated[str, Field(min_length=1, max_length=1_000, pattern=r"^[^\x00]*$")] = Field(
        examples=["Consent was withdrawn"]
    )

    def said(self) -> Withdrawal:
        """As the registry has it. Raises InvalidRequest for an instance of no series."""
        if self.instance and not self.series:
            raise InvalidRequest("An instance is named with its series.")
        return Withdrawal(self.study, self.series, self.instance, self.reason)


class NewVersion(BaseModel):
    """A version to be published."""

    model_config = ConfigDict(extra="forbid")

    note: _Note = Field(
        default="", description="What its people say of it", examples=["Two series corrected"]
    )
    submissions: (
        Annotated[list[Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]], Field(max_length=1_000)] | None
    ) = Field(
        default=None,
        description="Those to publish; by default all that are approved",
        examples=[["5f0c8a1e9b7d4c2f5f0c8a1e9b7d4c2f"]],
    )
    withdraw: Annotated[list[AWithdrawal], Field(max_length=10_000)] = []


class CountsOut(BaseModel):
    """How many series changed, and how many instances and bytes there are more (or fewer)."""

    series_added: int = Field(examples=[2])
    series_replaced: int = Field(examples=[1])
    series_withdrawn: int = Field(examples=[0])
    instances: int = Field(examples=[120])
    bytes: int = Field(examples=[63000000])


class VersionOut(BaseModel):
    """A version: what the collection held when it was published. It never changes."""

    collection: str = Field(examples=["chest-ct"])
    version: int = Field(examples=[2])
    note: str = Field(examples=["Two series corrected"])
    doi: str | None = Field(examples=["10.1234/abcd-1234"])
    published_at: datetime
    changes: CountsOut = Field(description="Of what you may find, since the version before")
    dicom_web: str = Field(examples=["https://archive.example.org/collections/chest-ct/versions/2/dicom-web"])


class ChangeOut(BaseModel):
    """A series that differs between two versions."""

    change: Literal["added", "replaced", "withdrawn"] = Field(examples=["replaced"])
    study: str = Field(examples=["1.2.3"])
    series: str = Field(examples=["1.2.3.4"])
    modality: str = Field(examples=["CT"])
    instances_before: int = Field(examples=[120])
    instances_after: int = Field(examples=[121])
    bytes_before: int = Field(examples=[63000000])
    bytes_after: int = Field(examples=[63500000])


class FedOut(ChangeOut):
    """The same, and by which version it came."""

    collection: str = Field(examples=["chest-ct"])
    version: int = Field(examples=[2])
    published_at: datetime


class AttributeOut(BaseModel):
    """An attribute that differs in replaced instances, with the values of one of them."""

    path: str = Field(examples=["00081030"])
    before: str = Field(examples=['["CHEST"]'])
    after: str = Field(examples=['["THORAX"]'])
    instances: int = Field(examples=[120])


class InstancesOut(ChangeOut):
    """The same, by instances, and what differs in those that were replaced."""

    added: list[str] = Field(examples=[["1.2.3.4.121"]])
    replaced: list[str] = Field(examples=[["1.2.3.4.7"]])
    withdrawn: list[str] = Field(examples=[[]])
    attributes: list[AttributeOut]


class PurgedOut(BaseModel):
    """How much was destroyed."""

    instances: int = Field(examples=[1])
    bytes: int = Field(examples=[526000])


def version_out(host: str, slug: str, version: Version, counts: Counts) -> VersionOut:
    return VersionOut(
        collection=slug,
        version=version.number,
        note=version.note,
        doi=version.doi or None,
        published_at=version.published_at,
        changes=CountsOut(
            series_added=counts.added,
            series_replaced=counts.replaced,
            series_withdrawn=counts.withdrawn,
            instances=counts.instances,
            bytes=counts.bytes,
        ),
        dicom_web=f"{host}/collections/{quote(slug, safe='')}/versions/{version.number}/dicom-web",
    )


def change_out(change: Change) -> ChangeOut:
    told = {name: getattr(change, name) for name in ChangeOut.model_fields if name != "change"}
    return ChangeOut(change=change.kind, **told)


def instances_out(change: Change, found: Instances) -> InstancesOut:
    names = "path", "before", "after", "instances"
    return InstancesOut(
        **change_out(change).model_dump(),
        added=list(found.added),
        replaced=list(found.replaced),
        withdrawn=list(found.withdrawn),
        attributes=[AttributeOut(**dict(zip(names, each, strict=True))) for each in found.attributes],
    )
