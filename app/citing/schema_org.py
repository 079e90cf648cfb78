"""schema.org's Dataset as JSON-LD, as search engines for data read it."""

from typing import Any

from app.citing import apa
from app.citing.kernel import SCHEMES
from app.citing.work import RESOLVER, File, Name, Publisher, Related, Subject, Work

#: What search engines take as a description.
SHORTEST, LONGEST = 50, 5_000
_SOURCE, _PART, _WHOLE, _CITATION = "isBasedOn", "hasPart", "isPartOf", "citation"
_RELATIONS = {
    "IsDerivedFrom": _SOURCE,
    "HasPart": _PART,
    "IsPartOf": _WHOLE,
    "IsDocumentedBy": _CITATION,
    "IsVersionOf": _WHOLE,
}


def dataset(work: Work) -> dict[str, Any]:
    """The dataset; what is empty is left out."""
    made = {
        "@context": "https://schema.org/",
        "@type": "Dataset",
        "@id": work.link,
        "name": work.title,
        "alternateName": work.short_name,
        "description": description(work),
        "url": work.url,
        "identifier": work.link,
        "sameAs": work.link if work.doi else "",
        "creator": [author(each) for each in work.authors],
        "publisher": publisher(work.publisher),
        "datePublished": work.issued.isoformat() if work.issued else "",
        "dateModified": work.updated.isoformat() if work.updated else "",
        "version": work.version,
        "license": [each.url or each.id for each in work.licences],
        "keywords": [_term(each) for each in work.subjects],
        "isAccessibleForFree": True,
        "conditionsOfAccess": work.access,
        "size": ", ".join(work.sizes),
        "encodingFormat": list(work.formats),
        "funder": [{"@type": "Organization", "name": each} for each in work.funding],
        "includedInDataCatalog": {"@type": "DataCatalog", "name": work.publisher.name, "url": work.home},
        "distribution": [_download(each) for each in work.files],
        "creditText": apa.text(work),
        **_related(work.related),
    }
    return {name: value for name, value in made.items() if value}


def description(work: Work) -> str:
    """The summary, no longer than is read, and no shorter."""
    text = work.summary.strip() or work.title
    if len(text) < SHORTEST:
        text = f"{text.rstrip('.')}. Medical images in the archive {work.publisher.name}, for research."
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def author(name: Name) -> dict[str, Any]:
    """A person; or, of a name that does not tell, somebody or something of this name."""
    if not (parts := name.parts):
        return {"@type": "Organization", "name": name.name}
    made = {
        "@type": "Person",
        "name": f"{parts[1]} {parts[0]}",
        "familyName": parts[0],
        "givenName": parts[1],
    }
    return made | ({"@id": f"https://orcid.org/{name.orcid}"} if name.orcid else {})


def publisher(publisher: Publisher) -> dict[str, Any]:
    """The organisation."""
    made = {"@type": "Organization", "name": publisher.name}
    return made | ({"@id": publisher.ror} if publisher.ror else {})


def _term(subject: Subject) -> Any:
    if not (subject.scheme and subject.code):
        return subject.text
    made = {"@type": "DefinedTerm", "name": subject.text, "termCode": subject.code}
    return made | {"inDefinedTermSet": SCHEMES[subject.scheme][1]}


def _download(file: File) -> dict[str, Any]:
    made = {"@type": "DataDownload", "name": file.name, "contentUrl": file.url}
    made["encodingFormat"] = file.media_type
    return made | ({"contentSize": f"{file.size} B"} if file.size is not None else {})


def _related(related: tuple[Related, ...]) -> dict[str, list[str]]:
    made: dict[str, list[str]] = {}
    for each in related:
        if name := _RELATIONS.get(each.relation):
            made.setdefault(name, []).append(RESOLVER + each.doi)
    return made
