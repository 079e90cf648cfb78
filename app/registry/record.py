"""What a collection's people say of it: the fields of TCIA's collection record, coded where a vocabulary has
them. What can be counted is computed, and stands in no record.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, HttpUrl, StringConstraints

Line = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=300)]
Markdown = Annotated[str, StringConstraints(strip_whitespace=True, max_length=50_000)]
Doi = Annotated[str, StringConstraints(pattern=r"^10\.\d{4,9}/\S{1,200}$")]
#: Coding schemes as DICOM names them (PS3.16 section 8): SNOMED CT, the NCI Thesaurus, DICOM's own.
Scheme = Literal["SCT", "NCIt", "DCM", "UBERON", "ITIS_TSN"]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Term(_Part):
    """A value in words, and its code where a vocabulary has one."""

    text: Line
    scheme: Scheme | None = None
    code: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._:-]{1,64}$")] | None = None


class Citation(_Part):
    """Something to be cited, as text, with its DOI where it has one."""

    text: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2_000)]
    doi: Doi | None = None


class Contact(_Part):
    """Whom to ask."""

    name: Line
    email: Annotated[str, StringConstraints(pattern=r"^[^@\s]{1,64}@[^@\s]{1,190}$")] | None = None
    url: HttpUrl | None = None


class Record(_Part):
    """All of it; each field may be left out."""

    summary: Markdown = ""
    description: Markdown = ""
    program: Annotated[str, StringConstraints(strip_whitespace=True, max_length=300)] = ""
    status: Literal["ongoing", "complete", "limited"] = "ongoing"
    cancer_types: list[Term] = Field(default=[], max_length=100)
    locations: list[Term] = Field(default=[], max_length=100)
    species: list[Term] = Field(default=[], max_length=20)
    supporting_data: list[Term] = Field(default=[], max_length=100)
    citations: list[Citation] = Field(default=[], max_length=100)
    publications: list[Citation] = Field(default=[], max_length=1_000)
    funding: list[Line] = Field(default=[], max_length=100)
    contacts: list[Contact] = Field(default=[], max_length=20)
    sharing_policy: Markdown = ""
    #: Of an external source: where it is, and what can be said of it without its data.
    url: HttpUrl | None = None


#: The fields by which lists are filtered.
TERMS = ("cancer_types", "locations", "species", "supporting_data")
