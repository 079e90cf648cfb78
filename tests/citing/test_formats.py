"""Each form is read by a reader that nobody here wrote, and says what was to be said."""

import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any
from xml.etree import ElementTree

import orjson
import pytest
import rispy
from hypothesis import given, settings
from pybtex.database import parse_string
from pyld import jsonld

from app.citing import apa, croissant, kernel, schema_org, signposting
from app.citing.formats import FORMATS, described, in_script, write
from app.citing.work import Name, Work, cleaned, one_line
from tests.citing.works import CHEST, HOME, WORKS

slowly = settings(deadline=None, max_examples=60)
NAMESPACE = {"": "http://datacite.org/schema/kernel-4"}


def flat(text: str) -> str:
    return one_line(text)


@given(WORKS)
@slowly
def test_datacite_json_is_valid_whatever_the_texts_are(work: Work) -> None:
    assert kernel.faults(orjson.loads(write("datacite-json", work))) == []


def test_datacite_json_says_it_all() -> None:
    found = kernel.metadata(CHEST)
    assert found["doi"] == "10.5072/abcd-1234"
    assert found["creators"][0]["givenName"] == "Jane Mary"
    assert found["creators"][0]["nameIdentifiers"][0]["nameIdentifier"].endswith("0000-0002-1825-0097")
    assert found["creators"][1] == {"name": "Chest imaging group"}
    assert found["titles"][1] == {"title": "CHEST-CT", "titleType": "AlternativeTitle"}
    assert found["subjects"][0]["valueUri"] == "http://snomed.info/id/363358000"
    assert [each.get("rightsIdentifier") for each in found["rightsList"]] == ["cc-by-4.0", None]
    assert found["rightsList"][1]["rightsUri"].endswith("c_abf2")
    assert found["relatedIdentifiers"][0]["relationType"] == "IsDerivedFrom"
    assert found["publisher"]["publisherIdentifierScheme"] == "ROR"


def test_a_fault_names_the_place_and_not_the_value() -> None:
    [fault] = kernel.faults(kernel.metadata(CHEST) | {"publicationYear": 2026})
    assert fault == "publicationYear: type"


def test_a_local_identifier_is_no_doi() -> None:
    found = kernel.metadata(replace(CHEST, identifier="local:chest-ct"))
    assert "doi" not in found
    assert {"alternateIdentifier": "local:chest-ct", "alternateIdentifierType": "Local"} in found[
        "alternateIdentifiers"
    ]
    assert replace(CHEST, identifier="local:chest-ct").link == CHEST.url


def test_nobody_is_made_an_author() -> None:
    nobody = replace(CHEST, authors=())
    assert kernel.metadata(nobody)["creators"] == [{"name": ":unav"}]
    assert kernel.missing(nobody) == ["authors"]
    assert kernel.missing(CHEST) == []


@given(WORKS)
@slowly
def test_xml_is_read_back(work: Work) -> None:
    root = ElementTree.fromstring(write("datacite-xml", work))
    title = root.find("titles/title", NAMESPACE)
    assert title is not None
    assert flat(title.text or "") == flat(cleaned(work.title))
    names = root.findall("creators/creator/creatorName", NAMESPACE)
    assert len(names) == max(1, len(set(map(repr, kernel.metadata(cleaned(work))["creators"]))))


@given(WORKS)
@slowly
def test_bibtex_is_read_back(work: Work) -> None:
    shown = cleaned(work)
    entry = _entry(work)
    assert spoken(entry.fields.get("title", "")) == flat(shown.title)
    assert entry.fields.get("doi", "") == shown.doi
    assert entry.fields["url"] == shown.link
    assert entry.fields.get("version", "") == shown.version
    people = entry.persons.get("author", [])
    assert [spoken(str(each)) for each in people] == [_called(each) for each in shown.authors]


def _entry(work: Work) -> Any:
    [entry] = parse_string(write("bibtex", work).decode(), "bibtex").entries.values()
    return entry


def _called(name: Name) -> str:
    return flat(", ".join(name.parts) if name.parts else name.name)


#: How TeX shows what it is written with.
_SHOWN = {
    "textbackslash": "\\",
    "textbraceleft": "{",
    "textbraceright": "}",
    "textasciitilde": "~",
    "textasciicircum": "^",
}


def spoken(text: str) -> str:
    """The text as TeX shows it."""
    shown = re.sub(
        r"\\(text\w+)\{\}|\\([$&#%_])|[{}]",
        lambda found: _SHOWN[found[1]] if found[1] else found[2] or "",
        text,
    )
    return flat(shown)


def test_bibtex_in_its_readers_words() -> None:
    entry = _entry(replace(CHEST, title="50 % of {A}_B & C\\D ~ $5 #1^2"))
    assert entry.key == "chest-ct-v3-2026"
    assert entry.fields["title"] == (
        r"{50 \% of \textbraceleft{}A\textbraceright{}\_B \& C\textbackslash{}D \textasciitilde{} "
        r"\$5 \#1\textasciicircum{}2}"
    )
    first, second = entry.persons["author"]
    assert (first.last_names, first.first_names, first.middle_names) == (["Doe"], ["Jane"], ["Mary"])
    assert second.last_names == ["{Chest imaging group}"]


@given(WORKS)
@slowly
def test_ris_is_read_back(work: Work) -> None:
    [entry] = rispy.loads(write("ris", work).decode())
    shown = cleaned(work)
    assert entry["type_of_reference"] == "DATA"
    assert entry.get("title", "") == flat(shown.title)
    assert len(entry.get("authors", [])) == sum(1 for each in shown.authors if flat(each.name))
    assert entry.get("doi", "") == shown.doi


@given(WORKS)
@slowly
def test_no_text_ends_a_script_element(work: Work) -> None:
    for name in ("schema-org", "croissant", "csl", "linkset"):
        body = write(name, work)
        for character in ("<", ">", "&", "\u2028", "\u2029"):
            assert character.encode() not in body
        assert orjson.loads(body)


def test_a_script_element_holds_all_of_it() -> None:
    class Reader(HTMLParser):
        seen = ""

        def handle_data(self, data: str) -> None:
            self.seen += data

    reader = Reader()
    reader.feed(
        f"<script type='application/ld+json'>{in_script('</script><!-- &amp; -->').decode()}</script>"
    )
    assert orjson.loads(reader.seen) == "</script><!-- &amp; -->"


def _offline(url: str, _options: Any) -> dict[str, Any]:
    assert url == "https://schema.org/"
    return {
        "contentType": "application/ld+json",
        "contextUrl": None,
        "documentUrl": url,
        "document": {"@context": {"@vocab": "http://schema.org/"}},
    }


@pytest.mark.parametrize("name", ["schema-org", "croissant"])
def test_json_ld_is_expanded(name: str) -> None:
    [found] = jsonld.expand(orjson.loads(write(name, CHEST)), {"documentLoader": _offline})
    scheme = "http" if name == "schema-org" else "https"
    assert found["@type"] == [f"{scheme}://schema.org/Dataset"]
    assert found[f"{scheme}://schema.org/description"]
    if name == "croissant":
        assert found["http://purl.org/dc/terms/conformsTo"][0]["@value"] == croissant.CONFORMS
        [file] = found["https://schema.org/distribution"]
        assert file["@type"] == ["http://mlcommons.org/croissant/FileObject"]


def test_schema_org_has_what_search_engines_ask_for() -> None:
    found = schema_org.dataset(replace(CHEST, summary="Short"))
    assert 50 <= len(found["description"]) <= 5000
    assert len(schema_org.description(replace(CHEST, summary="x" * 6000))) == 5000
    assert found["creator"][0]["@id"] == "https://orcid.org/0000-0002-1825-0097"
    assert found["isBasedOn"] == ["https://doi.org/10.5072/source"]
    assert found["license"] == ["https://creativecommons.org/by"]


def test_apa() -> None:
    assert apa.text(CHEST) == (
        "Doe, J. M., & Chest imaging group. (2026). Chest CT of 100 people (Version 3) [Data set]. "
        "Reading Room. https://doi.org/10.5072/abcd-1234"
    )
    assert apa.text(replace(CHEST, authors=(), issued=None)).startswith("Chest CT of 100 people (Version 3)")
    assert apa.authors([Name(f"A{n}, B-C") for n in range(30)]).endswith("A18, B.-C., … A29, B.-C.")


def test_names_are_taken_apart_only_where_they_tell() -> None:
    assert Name("Jane Doe").parts is None
    assert Name("Jane Doe", "0000-0002-1825-0097").parts == ("Doe", "Jane")
    assert Name("van der Berg, Jan").parts == ("van der Berg", "Jan")
    assert Name("Doe,").parts is None


def test_signposting() -> None:
    header = signposting.header(CHEST, described(CHEST))
    assert header.startswith('<https://doi.org/10.5072/abcd-1234>; rel="cite-as"')
    assert (
        f'<{HOME}/api/v1/collections/chest-ct/cite?format=datacite-json>; rel="describedby"; '
        'type="application/vnd.datacite.datacite+json"' in header
    )
    many = replace(CHEST, authors=tuple(Name("Doe, J", "0000-0002-1825-0097") for _ in range(1000)))
    assert len(signposting.header(many, described(many))) < 4000
    [found, *others] = orjson.loads(write("linkset", many))["linkset"]
    assert len(found["author"]) == 1000
    assert found["linkset"][0]["type"] == "application/linkset+json"
    assert all(each["describes"][0]["href"] == CHEST.url for each in others)


def test_an_address_ends_no_link() -> None:
    odd = replace(CHEST, url='https://a.example/b>; rel="x", <c')
    assert "<https://a.example/b%3E;" in signposting.header(replace(odd, identifier=""), {})


def test_no_two_forms_are_negotiated_by_one_media_type() -> None:
    kinds = [each.media_type for each in FORMATS.values() if each.negotiated]
    assert len(kinds) == len(set(kinds))
