"""DataCite's metadata schema, kernel 4.5: https://schema.datacite.org/meta/kernel-4.5"""

from collections.abc import Iterator
from datetime import date
from typing import Any

from app.citing.work import Name, Publisher, Related, Subject, Work

#: What stands where an author should and nobody is named (appendix 3 of the schema's documentation).
UNAVAILABLE = ":unav"
_KINDS = {
    "collection": "Imaging collection",
    "analysis-result": "Analysis result",
    "external": "Record of data elsewhere",
    "version": "Version of an imaging collection",
    "cart": "Subset (shared list)",
}
_COAR = "http://purl.org/coar/access_right/"
_ACCESS = {
    "open": ("open access", "c_abf2"),
    "restricted": ("restricted access", "c_16ec"),
    "embargoed": ("embargoed access", "c_f1cf"),
    "metadata-only": ("metadata only access", "c_14cb"),
}
#: Of each scheme: its name, its address, and that of a code.
SCHEMES = {
    "SCT": ("SNOMED CT", "http://snomed.info/sct", "http://snomed.info/id/{}"),
    "NCIt": ("NCI Thesaurus", "https://ncit.nci.nih.gov/", "http://purl.obolibrary.org/obo/NCIT_{}"),
    "DCM": ("DICOM", "http://dicom.nema.org/resources/ontology/DCM", ""),
    "UBERON": ("UBERON", "http://uberon.org/", "http://purl.obolibrary.org/obo/UBERON_{}"),
    "ITIS_TSN": ("ITIS TSN", "https://www.itis.gov/", ""),
}


def metadata(work: Work) -> dict[str, Any]:
    """The attributes of a DOI as the schema has them; those that are empty are left out."""
    made = {
        "doi": work.doi,
        "types": {"resourceTypeGeneral": "Dataset", "resourceType": _KINDS[work.kind]},
        "creators": [_person(each) for each in work.authors] or [{"name": UNAVAILABLE}],
        "titles": list(_titles(work)),
        "publisher": _publisher(work.publisher),
        "publicationYear": str((work.issued or date.today()).year),
        "subjects": [_subject(each) for each in work.subjects],
        "contributors": list(_contributors(work)),
        "dates": list(_dates(work)),
        "language": "en",
        "alternateIdentifiers": list(_alternates(work)),
        "relatedIdentifiers": [_related(each) for each in work.related],
        "sizes": list(work.sizes),
        "formats": list(work.formats),
        "version": work.version,
        "rightsList": list(_rights(work)),
        "descriptions": list(_descriptions(work)),
        "fundingReferences": [{"funderName": each} for each in work.funding],
        "schemaVersion": "http://datacite.org/schema/kernel-4",
    }
    return {name: _once(value) for name, value in made.items() if value}


def _once(value: Any) -> Any:
    """A list without what stands in it twice, which the schema refuses."""
    if not isinstance(value, list):
        return value
    return [each for place, each in enumerate(value) if each not in value[:place]]


def missing(work: Work) -> list[str]:
    """What the registration of a DOI takes and is not said, in plain words."""
    return [] if any(each.name.strip() for each in work.authors) else ["authors"]


def faults(attributes: dict[str, Any]) -> list[str]:
    """What the schema has against these attributes: where, never what stands there."""
    # Only here: what this brings along takes half a second to load.
    from datacite import schema45

    return sorted(
        {
            f"{'/'.join(map(str, error.absolute_path)) or 'metadata'}: {error.validator}"
            for error in schema45.validator.iter_errors(attributes)
        }
    )


def to_xml(work: Work) -> str:
    """The metadata as XML."""
    from datacite import schema45

    made: str = schema45.tostring(metadata(work))
    return made


def _person(name: Name, **more: str) -> dict[str, Any]:
    made: dict[str, Any] = {"name": name.name}
    if parts := name.parts:
        family, given = parts
        made = {"name": f"{family}, {given}", "nameType": "Personal"}
        made |= {"givenName": given, "familyName": family}
    if name.orcid:
        orcid = {"nameIdentifierScheme": "ORCID", "schemeUri": "https://orcid.org"}
        made["nameIdentifiers"] = [{"nameIdentifier": f"https://orcid.org/{name.orcid}", **orcid}]
    return made | more


def _titles(work: Work) -> Iterator[dict[str, str]]:
    yield {"title": work.title}
    if work.short_name and work.short_name != work.title:
        yield {"title": work.short_name, "titleType": "AlternativeTitle"}


def _publisher(publisher: Publisher) -> dict[str, str]:
    if not publisher.ror:
        return {"name": publisher.name}
    ror = {"publisherIdentifierScheme": "ROR", "schemeUri": "https://ror.org/"}
    return {"name": publisher.name, "publisherIdentifier": publisher.ror, **ror}


def _subject(subject: Subject) -> dict[str, str]:
    made = {"subject": subject.text}
    if subject.scheme and subject.code:
        name, address, code = SCHEMES[subject.scheme]
        made |= {"subjectScheme": name, "schemeUri": address, "classificationCode": subject.code}
        made |= {"valueUri": code.format(subject.code)} if code else {}
    return made


def _contributors(work: Work) -> Iterator[dict[str, Any]]:
    hosting = {"nameType": "Organizational", "contributorType": "HostingInstitution"}
    yield {"name": work.publisher.name, **hosting}
    for contact in work.contacts:
        yield _person(Name(contact.name), contributorType="ContactPerson")


def _dates(work: Work) -> Iterator[dict[str, str]]:
    for kind, day in (
        ("Issued", work.issued),
        ("Updated", work.updated),
        ("Available", work.available),
        ("Withdrawn", work.withdrawn),
    ):
        if day:
            yield {"date": day.isoformat(), "dateType": kind}


def _alternates(work: Work) -> Iterator[dict[str, str]]:
    yield {"alternateIdentifier": work.slug, "alternateIdentifierType": f"{work.publisher.name} short name"}
    if work.identifier and not work.doi:
        yield {"alternateIdentifier": work.identifier, "alternateIdentifierType": "Local"}


def _related(related: Related) -> dict[str, str]:
    made = {"relatedIdentifier": related.doi, "relatedIdentifierType": "DOI"}
    made["relationType"] = related.relation
    return made | ({"resourceTypeGeneral": related.general} if related.general else {})


def _rights(work: Work) -> Iterator[dict[str, str]]:
    for licence in work.licences:
        made = {"rights": licence.name}
        made |= {"rightsUri": licence.url} if licence.url else {}
        if not licence.id.startswith("LicenseRef-"):
            spdx = {"rightsIdentifierScheme": "SPDX", "schemeUri": "https://spdx.org/licenses/"}
            made |= {"rightsIdentifier": licence.id.lower(), **spdx}
        yield made
    name, right = _ACCESS[work.access]
    yield {"rights": name, "rightsUri": _COAR + right}


def _descriptions(work: Work) -> Iterator[dict[str, str]]:
    for kind, text in (
        ("Abstract", work.summary),
        ("Methods", work.description),
        ("Other", work.acknowledgement),
    ):
        if text.strip():
            yield {"description": text, "descriptionType": kind}
