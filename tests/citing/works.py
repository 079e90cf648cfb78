"""Works to be cited, plain and drawn at random."""

from datetime import date

from hypothesis import strategies as st

from app.citing.work import Contact, File, Licence, Name, Publisher, Related, Subject, Work

HOME = "https://archive.example.org"
CHEST = Work(
    "collection",
    "chest-ct",
    "Chest CT of 100 people",
    Publisher("Reading Room", "https://ror.org/04xm1d337"),
    f"{HOME}/collections/chest-ct",
    HOME,
    short_name="CHEST-CT",
    authors=(Name("Doe, Jane Mary", "0000-0002-1825-0097"), Name("Chest imaging group")),
    issued=date(2026, 11, 21),
    identifier="10.5072/abcd-1234",
    version="3",
    licences=(Licence("CC-BY-4.0", "Creative Commons Attribution 4.0", "https://creativecommons.org/by"),),
    access="open",
    summary="CT of the chest of a hundred people, some of them with a nodule in their lungs.",
    description="Scanned with care.",
    subjects=(Subject("Lung cancer", "SCT", "363358000"), Subject("CT", "DCM", "CT"), Subject("Community")),
    contacts=(Contact("Chest imaging group", "chest@example.org"),),
    funding=("Grant 123",),
    related=(Related("10.5072/source", "IsDerivedFrom"),),
    sizes=("100 subjects", "12 GB"),
    formats=("application/dicom",),
    files=(File("archive.zip", f"{HOME}/collections/chest-ct/archive.zip", "application/zip", 5, "0" * 64),),
)

_TEXT = st.text(max_size=40)
_WORDS = st.text(min_size=1, max_size=40).filter(lambda text: text.split())
_NAMES = st.builds(Name, _WORDS, st.sampled_from(("", "0000-0002-1825-0097")))
_DOIS = st.sampled_from(("", "10.5072/a-b_c;(d)", "local:chest-ct"))
WORKS = st.builds(
    Work,
    st.sampled_from(("collection", "analysis-result", "external", "version", "cart")),
    st.sampled_from(("chest-ct", "a_b.c")),
    _WORDS,
    st.builds(Publisher, _WORDS, st.sampled_from(("", "https://ror.org/04xm1d337"))),
    st.just(f"{HOME}/collections/chest-ct"),
    st.just(HOME),
    short_name=_TEXT,
    authors=st.lists(_NAMES, max_size=30).map(tuple),
    issued=st.none() | st.dates(min_value=date(1970, 1, 1)),
    updated=st.none() | st.dates(min_value=date(1970, 1, 1)),
    available=st.none() | st.dates(min_value=date(1970, 1, 1)),
    identifier=_DOIS,
    version=st.sampled_from(("", "1", "12")),
    licences=st.lists(
        st.builds(Licence, st.sampled_from(("MIT", "LicenseRef-a")), _WORDS, st.just("https://example.org/")),
        max_size=2,
    ).map(tuple),
    access=st.sampled_from(("open", "restricted", "embargoed", "metadata-only")),
    summary=_TEXT,
    description=_TEXT,
    acknowledgement=_TEXT,
    subjects=st.lists(
        st.builds(Subject, _WORDS, st.sampled_from(("", "SCT", "DCM")), st.just("1")), max_size=3
    ).map(tuple),
    contacts=st.lists(st.builds(Contact, _WORDS), max_size=2).map(tuple),
    funding=st.lists(_WORDS, max_size=2).map(tuple),
    related=st.lists(
        st.builds(Related, st.just("10.5072/x"), st.sampled_from(("HasVersion", "IsDerivedFrom"))), max_size=2
    ).map(tuple),
    sizes=st.lists(_WORDS, max_size=2).map(tuple),
)
