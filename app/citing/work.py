"""What is said of something that can be cited: a collection, an analysis result, a version, a cart."""

from dataclasses import dataclass, fields, is_dataclass
from datetime import date
from typing import Any, Literal, TypeVar

T = TypeVar("T")
Kind = Literal["collection", "analysis-result", "external", "version", "cart"]
#: Who may have the data: COAR's access rights.
Access = Literal["open", "restricted", "embargoed", "metadata-only"]
RESOLVER = "https://doi.org/"


@dataclass(frozen=True, slots=True)
class Name:
    """Whose it is: `Family, Given`, or as they are called; with an ORCID iD it is a person's for certain."""

    name: str
    orcid: str = ""

    @property
    def parts(self) -> tuple[str, str] | None:
        """The family and given names; None of a name that tells nothing of them, or is an organisation's."""
        family, comma, given = (part.strip() for part in self.name.partition(","))
        if comma:
            return (family, given) if family and given else None
        given, _, family = self.name.strip().rpartition(" ")
        return (family, given) if self.orcid and given else None


@dataclass(frozen=True, slots=True)
class Publisher:
    """Who gives it out; `ror` is an address such as https://ror.org/04xm1d337, or empty."""

    name: str
    ror: str = ""


@dataclass(frozen=True, slots=True)
class Subject:
    """What it is about, and its code where a vocabulary has one: its scheme as DICOM names it (PS3.16)."""

    text: str
    scheme: str = ""
    code: str = ""


@dataclass(frozen=True, slots=True)
class Contact:
    """Whom to ask."""

    name: str
    email: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True)
class Related:
    """Something that it has to do with: its DOI, DataCite's relation type, and what it is, if known."""

    doi: str
    relation: str
    general: str = "Dataset"


@dataclass(frozen=True, slots=True)
class Licence:
    """Under what it is given; `id` is an SPDX identifier or LicenseRef-…"""

    id: str
    name: str
    url: str = ""


@dataclass(frozen=True, slots=True)
class File:
    """Something to fetch. `sha256` is in hexadecimal, or empty where nobody knows it beforehand."""

    name: str
    url: str
    media_type: str
    size: int | None = None
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class Work:
    """All that is said of it. Texts are plain; what is not known is empty.

    `identifier` is a DOI, `local:…`, or empty; `home` is the archive's address and `url` the work's page.
    """

    kind: Kind
    slug: str
    title: str
    publisher: Publisher
    url: str
    home: str = ""
    short_name: str = ""
    authors: tuple[Name, ...] = ()
    issued: date | None = None
    updated: date | None = None
    available: date | None = None
    withdrawn: date | None = None
    identifier: str = ""
    version: str = ""
    licences: tuple[Licence, ...] = ()
    access: Access = "restricted"
    summary: str = ""
    description: str = ""
    acknowledgement: str = ""
    subjects: tuple[Subject, ...] = ()
    contacts: tuple[Contact, ...] = ()
    funding: tuple[str, ...] = ()
    related: tuple[Related, ...] = ()
    sizes: tuple[str, ...] = ()
    formats: tuple[str, ...] = ()
    files: tuple[File, ...] = ()

    @property
    def doi(self) -> str:
        """The DOI, or nothing: a local identifier is none."""
        return self.identifier if self.identifier.startswith("10.") else ""

    @property
    def link(self) -> str:
        """Where it is found: by its DOI, or at its page."""
        return RESOLVER + self.doi if self.doi else self.url

    @property
    def year(self) -> str:
        """When it was published, or `n.d.`"""
        return str(self.issued.year) if self.issued else "n.d."


def cleaned(value: T) -> T:
    """The same without what XML cannot hold: controls but tabs and ends of lines, halves of characters."""
    made: Any = value
    if isinstance(value, str):
        made = "".join(each for each in value if _is_writable(ord(each)))
    elif isinstance(value, tuple):
        made = tuple(map(cleaned, value))
    elif is_dataclass(value) and not isinstance(value, type):
        made = type(value)(**{each.name: cleaned(getattr(value, each.name)) for each in fields(value)})
    return made  # type: ignore[no-any-return]


def _is_writable(code: int) -> bool:
    if code < 0x20:
        return code in (0x09, 0x0A, 0x0D)
    return not (0x7F <= code < 0xA0 or 0xD800 <= code < 0xE000 or code & 0xFFFE == 0xFFFE)


def one_line(text: str) -> str:
    """The same in one line."""
    return " ".join(text.split())
