"""What the API says of collections."""

from collections import Counter
from datetime import date, datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from app.access.licences import Licence, described
from app.dicom.modalities import in_words
from app.index.facts import Facts
from app.registry.record import Record, Term, Tier
from app.services.collections import EXTERNAL, Access, Shown
from app.services.contents import SeriesShown
from app.viewer import Capability
from app.wire.markup import to_html

Kind = Literal["collection", "analysis-result", "external"]
_MAY = [Capability.FIND.value, Capability.VIEW.value, Capability.DOWNLOAD.value]


class UnitRules(BaseModel):
    """Who may see what lies in an access unit, beside those who were granted it."""

    model_config = ConfigDict(extra="forbid")

    tier: Tier = Field(default="private", description="Who may have the data", examples=["open"])
    embargo_until: date | None = Field(
        default=None,
        description="Until 00:00 UTC of this day it is as private",
        examples=["2030-01-01"],
    )
    hidden: bool = Field(
        default=True,
        description="Whether even the metadata are only for those with access",
        examples=[False],
    )


class PermissionsOut(BaseModel):
    """What the licence permits, and asks for in return."""

    share: bool = Field(examples=[True])
    adapt: bool = Field(examples=[True])
    commercial: bool = Field(examples=[True])
    credit: bool = Field(examples=[True], description="Whether you must say whose it is")
    share_alike: bool = Field(examples=[False])


class LicenceOut(BaseModel):
    """A licence by its SPDX identifier, and in plain words."""

    id: str = Field(examples=["CC-BY-4.0"])
    name: str = Field(examples=["Creative Commons Attribution 4.0 International"])
    url: str = Field(examples=["https://creativecommons.org/licenses/by/4.0/"])
    permissions: PermissionsOut | None = Field(description="None where only its text says")
    in_words: list[str] = Field(examples=[["You may share it with others."]])


class AccessOut(BaseModel):
    """An access unit of the collection, and what you may do in it."""

    unit: int = Field(examples=[1])
    site: str | None = Field(examples=[None])
    tier: Tier = Field(examples=["open"])
    embargo_until: date | None = Field(examples=[None])
    you_may: list[Capability] = Field(examples=[_MAY])
    how: str = Field(examples=["You may search it, look at it and download it."])


class LinksOut(BaseModel):
    """Where to go from here."""

    page: str = Field(examples=["https://archive.example.org/collections/chest-ct"])
    facts: str = Field(examples=["https://archive.example.org/api/v1/collections/chest-ct/facts"])
    series: str = Field(examples=["https://archive.example.org/api/v1/collections/chest-ct/series"])
    dicomweb: str | None = Field(examples=["https://archive.example.org/collections/chest-ct/dicom-web"])
    viewer: str | None = Field(examples=["https://archive.example.org/collections/chest-ct/viewer"])


class ItemOut(BaseModel):
    """A collection in a list."""

    slug: str = Field(examples=["chest-ct"])
    kind: Kind = Field(examples=["collection"])
    title: str = Field(examples=["Chest CT of 100 people"])
    summary: str = Field(examples=["CT of the *chest*."])
    summary_html: str = Field(examples=["<p>CT of the <em>chest</em>.</p>\n"])
    program: str = Field(examples=["Community"])
    status: str = Field(examples=["complete"])
    licence: str = Field(examples=["CC-BY-4.0"])
    doi: str | None = Field(examples=[None])
    cancer_types: list[Term] = Field(examples=[[]])
    locations: list[Term] = Field(examples=[[{"text": "Lung"}]])
    species: list[Term] = Field(examples=[[{"text": "Human"}]])
    tiers: list[Tier] = Field(examples=[["open"]], description="Of the parts that you may know of")


class CollectionOut(Record):
    """A collection: what its people say of it, its licence, and what you may do."""

    slug: str = Field(examples=["chest-ct"])
    kind: Kind = Field(examples=["collection"])
    title: str = Field(examples=["Chest CT of 100 people"])
    licence: LicenceOut
    doi: str | None = Field(examples=[None])
    rolling: bool = Field(examples=[False])
    latest_version: int = Field(examples=[0])
    sources: list[str] = Field(examples=[[]], description="Of an analysis result: what it is about")
    summary_html: str = Field(examples=["<p>CT of the <em>chest</em>.</p>\n"])
    description_html: str = Field(examples=["<h4>How it was acquired</h4>\n"])
    sharing_policy_html: str = Field(examples=["<p>Please cite it.</p>\n"])
    access: list[AccessOut]
    links: LinksOut
    created_at: datetime = Field(examples=["2026-01-01T00:00:00Z"])
    changed_at: datetime = Field(examples=["2026-01-01T00:00:00Z"])


class ValueCount(BaseModel):
    """A value, and in how many series it occurs."""

    value: str = Field(examples=["CT"])
    series: int = Field(examples=[100])


class FactsOut(BaseModel):
    """What a collection holds, counted of what you may find; the most frequent values first."""

    patients: int = Field(examples=[100], description="Of those with a PatientID")
    studies: int = Field(examples=[120])
    series: int = Field(examples=[240])
    instances: int = Field(examples=[24000])
    bytes: int = Field(examples=[12_600_000_000])
    data_types: list[str] = Field(examples=[["Computed tomography"]])
    modalities: list[ValueCount]
    body_parts: list[ValueCount] = Field(examples=[[{"value": "CHEST", "series": 240}]])
    manufacturers: list[ValueCount] = Field(examples=[[{"value": "ACME", "series": 240}]])


class SeriesOut(BaseModel):
    """A series as an access unit of a collection holds it: one that lies in two units is listed in each."""

    study_instance_uid: str = Field(examples=["1.2.840.1"])
    series_instance_uid: str = Field(examples=["1.2.840.1.1"])
    modality: str = Field(examples=["CT"])
    instances: int = Field(examples=[100])
    bytes: int = Field(examples=[52_500_000])
    collection: str = Field(examples=["chest-ct"])
    licence: str = Field(examples=["CC-BY-4.0"])
    licence_url: str = Field(examples=["https://creativecommons.org/licenses/by/4.0/"])
    doi: str | None = Field(examples=[None])
    site: str | None = Field(examples=[None])
    unit: int = Field(examples=[1])
    tier: Tier = Field(examples=["open"])
    you_may: list[Capability] = Field(examples=[_MAY])


def collection_out(shown: Shown, host: str) -> CollectionOut:
    """A collection with its texts as HTML: this takes a while where they are long."""
    entry, record = shown.entry, shown.record
    return CollectionOut.model_construct(
        **{name: getattr(record, name) for name in Record.model_fields},
        **{name: getattr(entry, name) for name in ("slug", "kind", "title", "rolling", "latest_version")},
        licence=licence_out(shown.licence),
        doi=entry.doi or None,
        sources=list(shown.sources),
        summary_html=to_html(record.summary),
        description_html=to_html(record.description),
        sharing_policy_html=to_html(record.sharing_policy),
        access=[access_out(each) for each in shown.access],
        links=links_out(shown, host),
        created_at=entry.created_at,
        changed_at=entry.changed_at,
    )


def licence_out(licence: Licence) -> LicenceOut:
    """A licence, and what it permits in words."""
    permissions = licence.permissions
    words = list(permissions.in_words()) if permissions else ["Its text says what it permits."]
    out = PermissionsOut.model_validate(permissions, from_attributes=True) if permissions else None
    return LicenceOut(id=licence.id, name=licence.name, url=licence.url, permissions=out, in_words=words)


def access_out(access: Access) -> AccessOut:
    """An access unit as its viewer meets it."""
    unit = access.unit
    return AccessOut.model_validate(
        {
            "unit": unit.id,
            "site": access.site,
            "tier": unit.tier,
            "embargo_until": unit.embargo_until,
            "you_may": access.may,
            "how": access.how,
        }
    )


def links_out(shown: Shown, host: str) -> LinksOut:
    """The collection's addresses; an external one has no data here."""
    slug, here = shown.entry.slug, shown.entry.kind != EXTERNAL
    page, api = f"{host}/collections/{slug}", f"{host}/api/v1/collections/{slug}"
    return LinksOut(
        page=page,
        facts=f"{api}/facts",
        series=f"{api}/series",
        dicomweb=f"{page}/dicom-web" if here else None,
        viewer=f"{page}/viewer" if here else None,
    )


def item_out(shown: Shown) -> ItemOut:
    """A collection in a list."""
    entry, record = shown.entry, shown.record
    return ItemOut.model_validate(
        {
            **{name: getattr(record, name) for name in ItemOut.model_fields if name in Record.model_fields},
            **{name: getattr(entry, name) for name in ("slug", "kind", "title", "licence")},
            "summary_html": to_html(record.summary),
            "doi": entry.doi or None,
            "tiers": sorted({each.unit.tier for each in shown.access}),
        }
    )


def facts_out(facts: Facts) -> FactsOut:
    """The facts, the most frequent values first."""
    return FactsOut(
        patients=facts.patients,
        studies=facts.studies,
        series=facts.series,
        instances=facts.instances,
        bytes=facts.bytes,
        data_types=data_types(facts),
        modalities=_counted(facts.modalities),
        body_parts=_counted(facts.body_parts),
        manufacturers=_counted(facts.manufacturers),
    )


def data_types(facts: Facts) -> list[str]:
    """The modalities in words, the most frequent first."""
    return [in_words(each.value) for each in _counted(facts.modalities)]


def _counted(values: Counter[str]) -> list[ValueCount]:
    ordered = sorted(values.items(), key=lambda pair: (-pair[1], pair[0]))
    return [ValueCount(value=value, series=count) for value, count in ordered]


def series_out(shown: SeriesShown) -> SeriesOut:
    """A series, with what goes for it."""
    listed, entry, access = shown.listed, shown.collection, shown.access
    return SeriesOut.model_validate(
        {
            "study_instance_uid": listed.study,
            "series_instance_uid": listed.series,
            "modality": listed.modality,
            "instances": listed.instances,
            "bytes": listed.bytes,
            "collection": entry.slug,
            "licence": entry.licence,
            "licence_url": described(entry.licence, str(entry.record.licence_url or "")).url,
            "doi": entry.doi or None,
            "site": access.site,
            "unit": access.unit.id,
            "tier": access.unit.tier,
            "you_may": access.may,
        }
    )
