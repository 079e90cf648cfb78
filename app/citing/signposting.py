"""FAIR signposting: typed links for machines that come to a page (https://signposting.org/FAIR).

The Link header (RFC 8288) has the first of each kind, a linkset (RFC 9264) all of them.
"""

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

from app.citing.work import Work

LINKSET = "application/linkset+json"
#: Of one kind in a header: some proxies refuse headers of more than 8 kB.
MOST = 5
_SAFE = ":/?#[]@!$&'()*+,;=%~"

Link = tuple[str, str, str]


def links(work: Work, described: Mapping[str, str]) -> Iterator[Link]:
    """Relation, address and media type (or none) of each; `described` are the addresses of the metadata's
    forms, by their media types.
    """
    yield "cite-as", work.link, ""
    yield "type", "https://schema.org/Dataset", ""
    yield "type", "https://schema.org/AboutPage", ""
    for author in work.authors:
        if author.orcid:
            yield "author", f"https://orcid.org/{author.orcid}", ""
    for licence in work.licences:
        if licence.url:
            yield "license", licence.url, ""
    for media_type, address in described.items():
        yield ("linkset" if media_type == LINKSET else "describedby"), address, media_type
    for file in work.files:
        yield "item", file.url, file.media_type


def header(work: Work, described: Mapping[str, str]) -> str:
    """The value of the Link header."""
    seen: dict[str, int] = {}
    shown = []
    for relation, address, media_type in links(work, described):
        seen[relation] = seen.get(relation, 0) + 1
        if seen[relation] <= MOST or relation == "describedby":
            kind = f'; type="{media_type}"' if media_type else ""
            shown.append(f'<{_address(address)}>; rel="{relation}"{kind}')
    return ", ".join(shown)


def linkset(work: Work, described: Mapping[str, str]) -> dict[str, Any]:
    """All of them; and of each form of the metadata, what it describes."""
    found: dict[str, Any] = {"anchor": work.url}
    for relation, address, media_type in links(work, described):
        kind = {"type": media_type} if media_type else {}
        found.setdefault(relation, []).append({"href": _address(address), **kind})
    back = [{"href": work.url, "type": "text/html"}]
    others = [{"anchor": _address(each), "describes": back} for each in described.values()]
    return {"linkset": [found, *others]}


def _address(address: str) -> str:
    """An address that no character of a header or of another address ends."""
    return quote(address, safe=_SAFE)
