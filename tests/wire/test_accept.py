"""Content negotiation: the headers that DICOMweb clients are known to send, against what can be offered."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.errors import InvalidRequest, NotAcceptable
from app.wire.accept import Offer, choose

NATIVE, JLS, J2K, JPEG = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.90", "1.2.4.57"

JSON = Offer("json", "application/dicom+json", aliases=("application/json",))
XML = Offer("xml", "application/dicom+xml", aliases=("application/xml", "text/xml"))
XML_PARTS = Offer("xml parts", "application/dicom+xml", multipart=True)

SEARCH = (JSON, XML)
METADATA = (JSON, XML_PARTS)

NATIVE_INSTANCE = (
    Offer("stored", "application/dicom", True, NATIVE, default=True, stored=True),
    Offer("stored single", "application/dicom", False, NATIVE, default=True, stored=True),
)
COMPRESSED_INSTANCE = (
    Offer("stored", "application/dicom", True, J2K, stored=True),
    Offer("stored single", "application/dicom", False, J2K, stored=True),
    Offer("decoded", "application/dicom", True, NATIVE, default=True),
    Offer("decoded single", "application/dicom", False, NATIVE, default=True),
)
NATIVE_FRAMES = (
    Offer("native", "application/octet-stream", True, NATIVE, default=True, stored=True),
    Offer("native single", "application/octet-stream", False, NATIVE, default=True, stored=True),
)
JLS_FRAMES = (
    Offer("jls", "image/jls", True, JLS, default=True, stored=True),
    Offer("jls single", "image/jls", False, JLS, default=True, stored=True),
    Offer("stored", "application/octet-stream", True, JLS, stored=True),
    Offer("stored single", "application/octet-stream", False, JLS, stored=True),
    Offer("native", "application/octet-stream", True, NATIVE, default=True),
    Offer("native single", "application/octet-stream", False, NATIVE, default=True),
)
#: JPEG lossless in a syntax that is not the one `image/jpeg` means by itself, and that nothing here decodes.
UNDECODABLE_FRAMES = (
    Offer("jpeg", "image/jpeg", True, JPEG, stored=True),
    Offer("stored", "application/octet-stream", True, JPEG, stored=True),
)
BULKDATA = (
    Offer("parts", "application/octet-stream", multipart=True),
    Offer("single", "application/octet-stream"),
)
PDF = (
    Offer("pdf parts", "application/pdf", multipart=True),
    Offer("parts", "application/octet-stream", multipart=True),
    Offer("pdf", "application/pdf"),
    Offer("single", "application/octet-stream"),
)
RENDERED = (Offer("jpeg", "image/jpeg"), Offer("png", "image/png"), Offer("gif", "image/gif"))

CHROME_PAGE = (
    "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8,"
    "application/signed-exchange;v=b3;q=0.7"
)
CHROME_IMG = "image/jxl,image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8"
XHR_JOINED = "application/dicom+json, multipart/related; type=application/octet-stream; transfer-syntax=*"
OCTETS = "multipart/related; type=application/octet-stream"
QUOTED = 'multipart/related; type="application/octet-stream"'
DICOM = 'multipart/related; type="application/dicom"'
NOT_J2K = f"{DICOM}; transfer-syntax={J2K};q=0, {DICOM}; transfer-syntax=*"
PREFERS_JLS = f'multipart/related; type="image/jls"; transfer-syntax="{JLS}"; transfer-syntax="*"'
PDF_OR_OCTETS = f'multipart/related; type="application/pdf", {QUOTED}'
MICROSCOPY = (
    'multipart/related; type="image/jls", multipart/related; type="image/jp2", '
    'multipart/related; type="image/jpx", '
    'multipart/related; type="application/octet-stream"; transfer-syntax=*, '
    'multipart/related; type="image/jpeg"; transfer-syntax=1.2.840.10008.1.2.4.50'
)
JAVA = "text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2"
NO = None

CASES: list[tuple[str | None, tuple[Offer, ...], str | None]] = [
    # Searches and metadata: any JSON, nothing, lists, weights, capitals, blanks (rows 5 to 9, 75, 76)
    (None, SEARCH, "json"),
    ("", SEARCH, "json"),
    (" , ", SEARCH, "json"),
    ("*/*", SEARCH, "json"),
    ("application/*", SEARCH, "json"),
    ("application/dicom+json", SEARCH, "json"),
    ("application/json", SEARCH, "json"),
    ("APPLICATION/Dicom+JSON", SEARCH, "json"),
    ("application/json; charset=utf-8", SEARCH, "json"),
    ("application/dicom+json; transfer-syntax=*", SEARCH, "json"),
    ("application/dicom+json, application/json", SEARCH, "json"),
    ("application/json, text/plain, */*", SEARCH, "json"),
    ("text/html , application/dicom+json;q=0.1", SEARCH, "json"),
    (XHR_JOINED, SEARCH, "json"),
    (XHR_JOINED, METADATA, "json"),
    ("rubbish,,;;, application/dicom+json", SEARCH, "json"),
    ("application/dicom+xml", SEARCH, "xml"),
    ("text/xml", SEARCH, "xml"),
    ("application/dicom+json;q=0.5, application/dicom+xml", SEARCH, "xml"),
    ("application/dicom+json, application/dicom+xml", SEARCH, "json"),
    ("application/dicom+json;q=0, */*", SEARCH, "xml"),
    ("application/dicom+json;q=0", SEARCH, NO),
    ("*/*;q=0", SEARCH, NO),
    ("*/*;q=0, application/json;q=0.001", SEARCH, "json"),
    ("text/html", SEARCH, NO),
    ("image/*", SEARCH, NO),
    ("rubbish", SEARCH, NO),
    ("application/json;q=high", SEARCH, NO),
    ("application/xml", (JSON,), NO),
    (CHROME_PAGE, (JSON,), "json"),
    ('multipart/related; type="application/dicom+xml"', METADATA, "xml parts"),
    ("application/dicom+xml", METADATA, NO),
    ("application/dicom", METADATA, NO),
    # Instances (rows 47 to 57)
    (None, NATIVE_INSTANCE, "stored"),
    ("*/*", NATIVE_INSTANCE, "stored"),
    (JAVA, NATIVE_INSTANCE, "stored"),
    (DICOM, NATIVE_INSTANCE, "stored"),
    ("multipart/related; type=application/dicom", NATIVE_INSTANCE, "stored"),
    ("multipart/related;type=application/dicom", NATIVE_INSTANCE, "stored"),
    ("multipart/related; boundary=x; TYPE=Application/Dicom", NATIVE_INSTANCE, "stored"),
    ("multipart/related", NATIVE_INSTANCE, "stored"),
    ("multipart/*", NATIVE_INSTANCE, "stored"),
    ("application/dicom", NATIVE_INSTANCE, "stored single"),
    ("application/*", NATIVE_INSTANCE, "stored single"),
    ("application/dicom, */*", NATIVE_INSTANCE, "stored single"),
    ("application/dicom;q=0.9, */*", NATIVE_INSTANCE, "stored"),
    (f"{DICOM}; transfer-syntax=*", NATIVE_INSTANCE, "stored"),
    (f"{DICOM}; transfer-syntax={NATIVE}", NATIVE_INSTANCE, "stored"),
    (f"{DICOM}; transfer-syntax={J2K}", NATIVE_INSTANCE, NO),
    (f'{DICOM}; transfer-syntax="{J2K}", {DICOM}; transfer-syntax={NATIVE}', NATIVE_INSTANCE, "stored"),
    ('multipart/related; type="application/dicom+json"', NATIVE_INSTANCE, NO),
    ("application/zip", NATIVE_INSTANCE, NO),
    ("multipart/mixed", NATIVE_INSTANCE, NO),
    ("multipart/form-data; type=application/dicom", NATIVE_INSTANCE, NO),
    (DICOM, COMPRESSED_INSTANCE, "decoded"),
    (f'{DICOM}; transfer-syntax=""', COMPRESSED_INSTANCE, "decoded"),
    ("application/dicom", COMPRESSED_INSTANCE, "decoded single"),
    (None, COMPRESSED_INSTANCE, "stored"),
    ("*/*", COMPRESSED_INSTANCE, "stored"),
    ('multipart/related; type="*/*"', COMPRESSED_INSTANCE, "stored"),
    (f"{DICOM}; transfer-syntax=*", COMPRESSED_INSTANCE, "stored"),
    (f'{DICOM}; Transfer-Syntax = "*"', COMPRESSED_INSTANCE, "stored"),
    (f"{DICOM}; transfer-syntax={J2K}", COMPRESSED_INSTANCE, "stored"),
    (f"{DICOM}; transfer-syntax={NATIVE}", COMPRESSED_INSTANCE, "decoded"),
    (f"{DICOM}; transfer-syntax={JLS}", COMPRESSED_INSTANCE, NO),
    (f"{DICOM}; transfer-syntax={JLS}; transfer-syntax=*", COMPRESSED_INSTANCE, "stored"),
    (f"{DICOM}; transfer-syntax={JLS}, {DICOM}; transfer-syntax=*;q=0.1", COMPRESSED_INSTANCE, "stored"),
    (f"{DICOM}; transfer-syntax={NATIVE}, {DICOM}; transfer-syntax=*", COMPRESSED_INSTANCE, "stored"),
    (f"{DICOM}; transfer-syntax={NATIVE}, {DICOM}; transfer-syntax=*;q=0.9", COMPRESSED_INSTANCE, "decoded"),
    (f"{NOT_J2K}, */*", COMPRESSED_INSTANCE, "stored single"),
    (NOT_J2K, COMPRESSED_INSTANCE, NO),
    (f"application/dicom; transfer-syntax={NATIVE}", COMPRESSED_INSTANCE, "decoded single"),
    (f'multipart/related; type="application/dicom;transfer-syntax={NATIVE}"', COMPRESSED_INSTANCE, "decoded"),
    # Frames (rows 63, 68 to 74)
    (f"{OCTETS}; transfer-syntax=*", NATIVE_FRAMES, "native"),
    (f'{QUOTED}; transfer-syntax="*"', NATIVE_FRAMES, "native"),
    (QUOTED, NATIVE_FRAMES, "native"),
    ('multipart/related; type="*/*"', NATIVE_FRAMES, "native"),
    ("multipart/related; type=*/*", NATIVE_FRAMES, "native"),
    ("*/*", NATIVE_FRAMES, "native"),
    ("application/octet-stream", NATIVE_FRAMES, "native single"),
    (PREFERS_JLS, NATIVE_FRAMES, NO),
    ('multipart/related; type="image/jpeg"', NATIVE_FRAMES, NO),
    ("image/*", NATIVE_FRAMES, NO),
    (MICROSCOPY, NATIVE_FRAMES, "native"),
    (f"{OCTETS}; transfer-syntax=*", JLS_FRAMES, "stored"),
    (f'{QUOTED}; transfer-syntax="*"', JLS_FRAMES, "stored"),
    (f"{OCTETS}; transfer-syntax={JLS}", JLS_FRAMES, "stored"),
    (OCTETS, JLS_FRAMES, "native"),
    (f"{OCTETS}; transfer-syntax={NATIVE}", JLS_FRAMES, "native"),
    (f'multipart/related; type="application/octet-stream; transfer-syntax={NATIVE}"', JLS_FRAMES, "native"),
    (f"{OCTETS}; transfer-syntax={J2K}", JLS_FRAMES, NO),
    ("application/octet-stream", JLS_FRAMES, "native single"),
    ("application/octet-stream; transfer-syntax=*", JLS_FRAMES, "stored single"),
    ('multipart/related; type="image/jls"', JLS_FRAMES, "jls"),
    (PREFERS_JLS, JLS_FRAMES, "jls"),
    ('multipart/related; type="image/jls"; transfer-syntax=1.2.840.10008.1.2.4.81', JLS_FRAMES, NO),
    ('multipart/related; type="image/*"', JLS_FRAMES, "jls"),
    ("image/jls", JLS_FRAMES, "jls single"),
    ("image/*", JLS_FRAMES, "jls single"),
    ('multipart/related; type="*/*"', JLS_FRAMES, "jls"),
    ('multipart/related; type="*/*"; transfer-syntax=*', JLS_FRAMES, "jls"),
    (f'multipart/related; type="*/*"; transfer-syntax={NATIVE}', JLS_FRAMES, "native"),
    ("*/*", JLS_FRAMES, "jls"),
    (MICROSCOPY, JLS_FRAMES, "jls"),
    ('multipart/related; type="image/jp2"', JLS_FRAMES, NO),
    (f"{OCTETS}; transfer-syntax=*", UNDECODABLE_FRAMES, "stored"),
    (OCTETS, UNDECODABLE_FRAMES, NO),
    ('multipart/related; type="image/jpeg"', UNDECODABLE_FRAMES, NO),
    ('multipart/related; type="image/jpeg"; transfer-syntax=*', UNDECODABLE_FRAMES, "jpeg"),
    (f'multipart/related; type="image/jpeg"; transfer-syntax={JPEG}', UNDECODABLE_FRAMES, "jpeg"),
    ('multipart/related; type="*/*"', UNDECODABLE_FRAMES, "jpeg"),
    # Bulk data (rows 74, 80)
    ("*/*", BULKDATA, "parts"),
    (QUOTED, BULKDATA, "parts"),
    (f"{QUOTED}; transfer-syntax=*", BULKDATA, "parts"),
    ('multipart/related; type="*/*"', BULKDATA, "parts"),
    ("application/octet-stream", BULKDATA, "single"),
    ("application/octet-stream, multipart/related", BULKDATA, "single"),
    ("application/pdf", BULKDATA, NO),
    (PDF_OR_OCTETS, BULKDATA, "parts"),
    (PDF_OR_OCTETS, PDF, "pdf parts"),
    ("application/pdf", PDF, "pdf"),
    ("application/octet-stream", PDF, "single"),
    ("*/*", PDF, "pdf parts"),
    # Rendered pictures (rows 82, 87)
    ("*/*", RENDERED, "jpeg"),
    ("image/jpeg", RENDERED, "jpeg"),
    ("image/png", RENDERED, "png"),
    ("image/png;q=0.5, image/gif;q=0.7", RENDERED, "gif"),
    ("image/gif, image/*;q=0.9, */*;q=0.8", RENDERED, "gif"),
    ("image/jpeg; transfer-syntax=1.2.840.10008.1.2.4.50", RENDERED, "jpeg"),
    (CHROME_IMG, RENDERED, "jpeg"),
    ("image/jpeg;q=0, image/*", RENDERED, "png"),
    ("multipart/related; type=image/jpeg", RENDERED, NO),
    ("*/*", (), NO),
]  # fmt: skip


@pytest.mark.parametrize(("accept", "offers", "name"), CASES)
def test_choice(accept: str | None, offers: tuple[Offer, ...], name: str | None) -> None:
    if name is None:
        with pytest.raises(NotAcceptable) as refused:
            choose(accept, [], offers)
        assert refused.value.offered == tuple(str(offer) for offer in offers)
        assert all(offered in refused.value.detail for offered in refused.value.offered)
    else:
        assert choose(accept, [], offers).name == name


@pytest.mark.parametrize(
    ("accept", "query", "offers", "name"),
    [
        (QUOTED, ["image/jpeg"], RENDERED, "jpeg"),
        ("*/*", ["image/png"], RENDERED, "png"),
        (None, ["image/png;q=0.3, image/gif"], RENDERED, "gif"),
        (None, ["image/tiff", "image/gif"], RENDERED, "gif"),
        ("image/png", [], RENDERED, "png"),
        ("image/png", [""], RENDERED, "png"),
        ("image/png", [" ,"], RENDERED, "png"),
        ("image/png", ["image/tiff"], RENDERED, NO),
        ("image/png", ["rubbish"], RENDERED, NO),
        ("*/*", ["application/dicom+xml"], SEARCH, "xml"),
        ("*/*", ["application/dicom xml"], SEARCH, "xml"),
        ("*/*", ["text/html, application/dicom xml;q=0.5"], SEARCH, "xml"),
        ("*/*", ['multipart/related; type="application/dicom xml"'], METADATA, "xml parts"),
        ("application/json", ["application/dicom; transfer-syntax=*"], COMPRESSED_INSTANCE, "stored single"),
    ],
)
def test_the_query_parameter_wins(
    accept: str | None, query: list[str], offers: tuple[Offer, ...], name: str | None
) -> None:
    if name is None:
        with pytest.raises(NotAcceptable):
            choose(accept, query, offers)
    else:
        assert choose(accept, query, offers).name == name


def test_a_header_too_long_is_refused() -> None:
    for accept, query in (("a/b," * 9000, []), ("*/*", ["a/b," * 9000])):
        with pytest.raises(InvalidRequest):
            choose(accept, query, SEARCH)


TABLES = (SEARCH, METADATA, COMPRESSED_INSTANCE, JLS_FRAMES, UNDECODABLE_FRAMES, BULKDATA, PDF, RENDERED)


@pytest.mark.parametrize("offers", TABLES)
def test_what_is_offered_can_be_asked_for(offers: tuple[Offer, ...]) -> None:
    assert [choose(str(offer), [], offers) for offer in offers] == list(offers)
    assert [choose(None, [str(offer)], offers) for offer in offers] == list(offers)


def test_content_type() -> None:
    assert JSON.content_type == "application/dicom+json"
    assert COMPRESSED_INSTANCE[0].content_type == f"application/dicom; transfer-syntax={J2K}"


headers = st.lists(
    st.sampled_from(
        [case[0] for case in CASES if case[0] and case[0].strip(" ,")]
        + ["*/*;q=0.1", "image/*;q=0", "rubbish", '"', ";", "\x00"]
    ),
    min_size=1,
    max_size=4,
).map(", ".join)


@settings(deadline=None, max_examples=300)
@given(headers, st.lists(st.sampled_from(sum(TABLES, ())), max_size=6))
def test_the_choice_is_one_of_the_offers_or_not_acceptable(accept: str, offers: list[Offer]) -> None:
    try:
        chosen = choose(accept, [], offers)
    except NotAcceptable:
        return
    assert chosen in offers
    assert choose(f"application/x-nothing, {accept}", [], offers) == chosen
