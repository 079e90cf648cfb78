"""What a collection's people say of it: the fields of TCIA's collection record, coded where a vocabulary has
them. What can be counted is computed, and stands in no record.
"""

from collections.abc import Iterator
from typing import Annotated, Any, Literal
from unicodedata import normalize

from pydantic import BaseModel, ConfigDict, Field, HttpUrl, StringConstraints

#: No text holds NUL, which PostgreSQL cannot keep; what stands in one line holds no other control either.
_ONE_LINE = r"^[^\x00-\x1f\x7f]*$"
_TEXT = r"^[^\x00]*$"
Line = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=300, pattern=_ONE_LINE)
]
Paragraph = Annotated[str, StringConstraints(strip_whitespace=True, max_length=3_000, pattern=_TEXT)]
Markdown = Annotated[str, StringConstraints(strip_whitespace=True, max_length=50_000, pattern=_TEXT)]
Doi = Annotated[str, StringConstraints(pattern=r"^10\.[0-9]{4,9}/[!-~]{1,200}$")]
#: Coding schemes as DICOM names them (PS3.16 section 8): SNOMED CT, the NCI Thesaurus, DICOM's own …
Scheme = Literal["SCT", "NCIt", "DCM", "UBERON", "ITIS_TSN"]
Status = Literal["ongoing", "complete", "limited"]
Tier = Literal["open", "registered", "request", "private"]
_LUNG_CANCER = {"text": "Lung cancer", "scheme": "SCT", "code": "363358000"}


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Term(_Part):
    """A value in words, and its code where a vocabulary has one."""

    text: Line = Field(examples=["Lung"])
    scheme: Scheme | None = Field(default=None, examples=["SCT"])
    code: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._:-]{1,64}$")] | None = Field(
        default=None, examples=["39607008"]
    )


class Citation(_Part):
    """Something to be cited, as text, with its DOI where it has one."""

    text: Annotated[
        str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2_000, pattern=_TEXT)
    ] = Field(examples=["Roe R, Doe J (2024). Chest CT of 100 people."])
    doi: Doi | None = Field(default=None, examples=["10.1234/example"])


class Author(_Part):
    """Somebody who made it."""

    name: Line = Field(examples=["Jane Doe"])
    orcid: (
        Annotated[str, StringConstraints(pattern=r"^[0-9]{4}-[0-9]{4}-[0-9]{4}-[0-9]{3}[0-9X]$")] | None
    ) = Field(default=None, examples=["0000-0002-1825-0097"])


class Contact(_Part):
    """Whom to ask."""

    name: Line = Field(examples=["Chest imaging group"])
    email: Annotated[str, StringConstraints(pattern=r"^[!-?A-~]{1,64}@[!-?A-~]{1,190}$")] | None = Field(
        default=None, examples=["chest@example.org"]
    )
    url: HttpUrl | None = Field(default=None, examples=["https://example.org/chest"])


class External(_Part):
    """Of data that are elsewhere: where, and what is said of them there."""

    url: HttpUrl = Field(examples=["https://example.org/data"])
    availability: Line | None = Field(default=None, examples=["Registration"])
    data_types: list[Term] = Field(
        default=[], max_length=50, examples=[[{"text": "MR", "scheme": "DCM", "code": "MR"}]]
    )
    patients: int | None = Field(default=None, ge=0, le=2**53, examples=[539])
    images: int | None = Field(default=None, ge=0, le=2**53, examples=[1100])


class Record(_Part):
    """All of it; each field may be left out."""

    summary: Paragraph = Field(default="", description="Markdown", examples=["CT of the *chest*."])
    description: Markdown = Field(default="", description="Markdown", examples=["## How it was acquired"])
    program: Annotated[str, StringConstraints(strip_whitespace=True, max_length=300, pattern=_ONE_LINE)] = (
        Field(default="", examples=["Community"])
    )
    status: Status = Field(default="ongoing", examples=["complete"])
    cancer_types: list[Term] = Field(default=[], max_length=100, examples=[[_LUNG_CANCER]])
    locations: list[Term] = Field(default=[], max_length=100, examples=[[{"text": "Lung"}]])
    species: list[Term] = Field(default=[], max_length=20, examples=[[{"text": "Human"}]])
    supporting_data: list[Term] = Field(default=[], max_length=100, examples=[[{"text": "Clinical"}]])
    authors: list[Author] = Field(default=[], max_length=1_000, examples=[[{"name": "Jane Doe"}]])
    citations: list[Citation] = Field(default=[], max_length=100, examples=[[{"text": "Doe J (2024)."}]])
    publications: list[Citation] = Field(default=[], max_length=1_000, examples=[[{"text": "Roe R (2025)."}]])
    funding: list[Line] = Field(default=[], max_length=100, examples=[["Grant 123"]])
    contacts: list[Contact] = Field(default=[], max_length=20, examples=[[{"name": "Jane Doe"}]])
    sharing_policy: Markdown = Field(default="", description="Markdown", examples=["Please cite it."])
    licence_url: HttpUrl | None = Field(
        default=None, description="Of LicenseRef-…: its text", examples=["https://example.org/licence"]
    )
    external: External | None = Field(default=None, description="Of kind external only", examples=[None])


#: The fields by whose terms lists are filtered, and those by whose one value.
TERMS = ("cancer_types", "locations", "species", "supporting_data")
VALUES = ("program", "status")
#: What is searched for words, in one.
WORDS = "words"


def folded(text: str) -> str:
    """The form in which texts are compared: one case, one way to write each letter."""
    return normalize("NFKC", normalize("NFKC", text).casefold())


def searchable(title: str, record: Record) -> Iterator[dict[str, Any]]:
    """What lists are filtered by, row by row, but for the collection's."""
    for field in TERMS:
        for term in getattr(record, field):
            yield _row(field, term.text, term.scheme or "", term.code or "")
    for field in VALUES:
        yield _row(field, getattr(record, field))
    yield _row(WORDS, f"{title}\n{record.summary}")


def _row(field: str, text: str, scheme: str = "", code: str = "") -> dict[str, Any]:
    return {"field": field, "text": folded(text), "scheme": scheme, "code": code}
