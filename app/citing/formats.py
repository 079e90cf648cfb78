"""Every form in which a citation can be had, by the name that `?format=` takes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from app.citing import apa, bibtex, croissant, csl, kernel, ris, schema_org, signposting
from app.citing.work import Work, cleaned


@dataclass(frozen=True, slots=True)
class Format:
    """How it is called by its media type, and what makes its bytes.

    `negotiated` says whether Accept may choose it: of two with one media type only the first may.
    """

    media_type: str
    write: Callable[[Work], bytes]
    negotiated: bool = True


def write(name: str, work: Work) -> bytes:
    """The work in this form. Raises KeyError for one that is none."""
    return FORMATS[name].write(cleaned(work))


def described(work: Work) -> Mapping[str, str]:
    """Where the forms of a work's metadata are, by media type: its page's address and `/cite` of the API."""
    path = work.url.removeprefix(work.home)
    where = f"{work.home}/api/v1{path}/cite"
    return {each.media_type: f"{where}?format={name}" for name, each in FORMATS.items() if each.negotiated}


def in_script(value: Any) -> bytes:
    """JSON that ends no script element and begins no comment in HTML, whatever its texts hold."""
    data = orjson.dumps(value)
    for character in "<>&\u2028\u2029":
        data = data.replace(character.encode(), f"\\u{ord(character):04x}".encode())
    return data


def _json(make: Callable[[Work], Any]) -> Callable[[Work], bytes]:
    return lambda work: in_script(make(work))


def _text(make: Callable[[Work], str]) -> Callable[[Work], bytes]:
    return lambda work: make(work).encode()


FORMATS: dict[str, Format] = {
    "schema-org": Format("application/ld+json", _json(schema_org.dataset)),
    "croissant": Format("application/ld+json", _json(croissant.dataset), negotiated=False),
    "datacite-json": Format("application/vnd.datacite.datacite+json", _json(kernel.metadata)),
    "datacite-xml": Format("application/vnd.datacite.datacite+xml", _text(kernel.to_xml)),
    "csl": Format("application/vnd.citationstyles.csl+json", _json(csl.item)),
    "bibtex": Format("application/x-bibtex", _text(bibtex.entry)),
    "ris": Format("application/x-research-info-systems", _text(ris.reference)),
    "apa": Format("text/x-bibliography", _text(apa.text)),
    "linkset": Format(signposting.LINKSET, _json(lambda work: signposting.linkset(work, described(work)))),
}
