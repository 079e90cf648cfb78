"""How each route of the OpenAPI document is asked. One that is not in these tables makes the test fail."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import product

from tests.leaks.filled import CART_KEY, FIRST, key, slug
from tests.leaks.world import World

Address = tuple[str, str, str]
UNKNOWN: Address = ("9.9", "9.9.1", "9.9.1.1")
ROOTS = (
    "/dicom-web",
    "/without-results/dicom-web",
    "/collections/{collection}/dicom-web",
    "/collections/{collection}/with-results/dicom-web",
    "/submissions/{submission}/dicom-web",
    "/collections/{collection}/versions/{version}/dicom-web",
    "/carts/{cart}/dicom-web",
)


@dataclass(frozen=True)
class Asked:
    """One request without a body."""

    path: str
    headers: dict[str, str] = field(default_factory=dict)


_JSON, _MULTI = {"accept": "application/dicom+json"}, {"accept": 'multipart/related; type="*/*"'}
_STORED = {"accept": 'multipart/related; type="application/dicom"; transfer-syntax=*'}
_OCTETS = {"accept": "application/octet-stream"}
_ZIP, _PNG, _XML = {"accept": "application/zip"}, {"accept": "image/png"}, {"accept": "application/dicom+xml"}
_STUDY = "/studies/{study}"
_SERIES = _STUDY + "/series/{series}"
_INSTANCE = _SERIES + "/instances/{instance}"
_ASKED = "?requestType=WADO&studyUID={study}&seriesUID={series}&objectUID={instance}"
_SEARCHES = (
    *("", "?limit=1", "?offset=1", "?includefield=all", "?ModalitiesInStudy=CT", "?PatientID=*0x*"),
    *("?Manufacturer=*", "?PatientName=Name*&fuzzymatching=true"),
    "?includefield=NumberOfStudyRelatedInstances",
)

#: Of a route below a root: what is put behind its path, and the headers sent with it.
BELOW: dict[str, list[tuple[str, dict[str, str]]]] = {
    "/studies": [(search, _JSON) for search in _SEARCHES] + [("", _XML)],
    "/series": [(search, _JSON) for search in (*_SEARCHES[:4], "?limit=1000000")],
    "/instances": [(search, _JSON) for search in _SEARCHES[:4]],
    _STUDY + "/series": [("", _JSON), ("?Modality=CT&limit=1", _JSON)],
    _STUDY + "/instances": [("", _JSON)],
    _SERIES + "/instances": [("", _JSON), ("?includefield=all", _JSON)],
    _STUDY: [("", _STORED), ("", _ZIP)],
    _SERIES: [("", _STORED)],
    _INSTANCE: [("", _STORED), ("", {"accept": "text/html"})],
    _STUDY + "/metadata": [("", _JSON)],
    _SERIES + "/metadata": [("", _JSON), ("", _XML)],
    _INSTANCE + "/metadata": [("", _JSON), ("", {**_JSON, "if-none-match": "*"})],
    _INSTANCE + "/frames/{frames}": [("", _OCTETS), ("", {**_OCTETS, "range": "bytes=0-3"})],
    _INSTANCE + "/bulkdata/{path}": [("", _OCTETS), ("", {**_OCTETS, "if-none-match": "*"})],
    _INSTANCE + "/pixeldata": [("", _OCTETS)],
    _SERIES + "/pixeldata": [("", _MULTI)],
    _STUDY + "/pixeldata": [("", _MULTI)],
    _INSTANCE + "/frames/{frames}/rendered": [("", _PNG)],
    _INSTANCE + "/frames/{frames}/thumbnail": [("", _PNG)],
    _INSTANCE + "/rendered": [("", _PNG), ("", {**_PNG, "if-none-match": "*"})],
    _INSTANCE + "/thumbnail": [("", _PNG)],
    _SERIES + "/rendered": [("", _PNG)],
    _SERIES + "/thumbnail": [("", _PNG)],
    _STUDY + "/rendered": [("", {"accept": 'multipart/related; type="image/png"'})],
    _STUDY + "/thumbnail": [("", _PNG)],
    "/wado": [(_ASKED, {}), (_ASKED + "&contentType=application/dicom", {})],
    "/": [("", {})],
    _STUDY + "/archive.zip": [("", {}), ("", {"range": "bytes=-99"}), ("", {"if-none-match": "*"})],
    _SERIES + "/archive.zip": [("", {})],
    _STUDY + "/metadata.csv": [("", {}), ("?level=instance", {})],
    _SERIES + "/metadata.csv": [("", {})],
}
_FORMS = [f"?format={each}" for each in ("json", "schema-org", "linkset")]
_COLLECTION = "?collection={collection}"
_NAMED = "/api/v1/collections/{collection}"
#: Routes beside the roots: what is asked of each.
BESIDE: dict[str, list[str]] = {
    "/wado": [_ASKED],
    "/api/v1/attributes": ["", _COLLECTION, "?matching=0010*"],
    "/api/v1/attributes/{attribute}": ["", _COLLECTION],
    "/api/v1/facets": ["", "?modality=CT", _COLLECTION + "&body_part=", "?limit=1"],
    "/api/v1/catalog": ["", "?format=csv", "?format=md"],
    "/api/v1/collections": [
        "",
        "?limit=1",
        "?modality=CT",
        "?tier=open",
        "?text=title",
        "?kind=analysis-result",
    ],
    "/collections": ["", "?text=title", "?modality=CT", "?tier=open&kind=collection", "?licence=none"],
    "/collections/{collection}": ["", *_FORMS],
    "/collections/{collection}/versions/{version}": ["", *_FORMS],
    "/carts/{cart}": ["", *_FORMS],
    "/sitemap.xml": [""],
    "/robots.txt": [""],
    "/doi/{doi}": [""],
    _NAMED: [""],
    _NAMED + "/facts": [""],
    _NAMED + "/facets": ["", "?modality=MR", "?manufacturer="],
    _NAMED + "/versions/{version}/facets": ["", "?modality=CT"],
    _NAMED + "/series": ["", "?limit=1", "?analysis_results=only", "?analysis_results=exclude"],
    _NAMED + "/sites": [""],
    _NAMED + "/sites/{site}": [""],
    _NAMED + "/units": ["", "?limit=1"],
    _NAMED + "/units/{unit}": [""],
    _NAMED + "/cite": ["", *(f"?format={each}" for each in ("bibtex", "datacite-json", "linkset"))],
    _NAMED + "/doi": [""],
    _NAMED + "/versions/{version}/cite": [""],
    _NAMED + "/versions/{version}/doi": [""],
    "/api/v1/jobs": ["", "?state=done"],
    "/api/v1/jobs/{job}": [""],
    "/api/v1/fixity": [""],
    "/api/v1/fixity/damaged": ["", "?limit=1"],
    "/api/v1/webhooks": [""],
    "/api/v1/webhooks/{webhook}": [""],
    "/api/v1/me": [""],
    "/api/v1/people": ["", "?limit=1"],
    "/api/v1/people/{person}": [""],
    "/api/v1/share-links": [""],
    "/api/v1/share-links/{link}": [""],
    "/api/v1/tokens": [""],
    "/api/v1/tokens/{token}": [""],
    "/api/v1/submissions": ["", _COLLECTION, "?limit=1"],
    "/api/v1/submissions/{submission}": [""],
    "/api/v1/submissions/{submission}/withdrawals": [""],
    "/api/v1/submissions/{submission}/deidentification": [""],
    "/api/v1/submissions/{submission}/certificate": [""],
    _NAMED + "/deidentification": [""],
    _NAMED + "/versions": ["", "?limit=1"],
    _NAMED + "/versions/{version}": [""],
    _NAMED + "/versions/{version}/changes": ["", "?limit=1"],
    _NAMED + "/versions/{version}/changes/{series}": [""],
    _NAMED + "/diff": ["?from=1", "?from=0&to=2&limit=1"],
    _NAMED + "/diff.csv": ["?from=0&to=1", "?from=1"],
    "/api/v1/changes": ["", "?limit=1"],
    "/api/v1/carts": [""],
    "/api/v1/carts/{cart}": [""],
    "/api/v1/carts/{cart}/cite": ["", "?format=csl"],
    "/api/v1/carts/{cart}/doi": [""],
    "/api/v1/collections/{collection}/access": [""],
    "/api/v1/collections/{collection}/agreements": [""],
    "/api/v1/collections/{collection}/agreements/{version}": [""],
    "/api/v1/collections/{collection}/explain": ["", "?person=501", "?person=502"],
    "/api/v1/collections/{collection}/request-form": [""],
    "/api/v1/grants": ["", _COLLECTION, "?limit=1", "?state=active", "?group=group", "?person=501"],
    "/api/v1/grants/{grant}": [""],
    "/api/v1/groups": [""],
    "/api/v1/groups/{group}": [""],
    "/api/v1/groups/{group}/members": [""],
    "/api/v1/requests": ["", _COLLECTION],
    "/api/v1/requests/{number}": [""],
    "/api/v1/audit": ["", _COLLECTION],
    **{
        root.replace("dicom-web", what): queries
        for root in ROOTS
        if "{" in root
        for what, queries in (("archive.zip", [""]), ("metadata.csv", ["", "?level=instance"]))
    },
    "/api/v1/collections/{collection}/usage": [""],
}
#: What the owner is told of everybody, and what is another thing at every moment.
OWNERS = {"/api/v1/audit"}
#: What tells everybody what strangers may know of.
STRANGERS = {"/sitemap.xml"}
#: What holds nothing of the archive's data, and is the same for all.
PUBLIC = {"/healthz", "/readyz", "/metrics"}
#: Routes that do nothing but change something, and the test that tries them.
CHANGING: dict[str, str] = {
    "/api/v1/collections/{collection}/purges": "tests/test_purge.py",
    "/api/v1/submissions/{submission}/{act}": "tests/routers/test_versions.py",
    "/api/v1/submissions/{submission}/deidentification/release": "tests/routers/test_doors.py",
    _NAMED + "/units/{unit}/series": "tests/routers/test_sites.py",
    "/api/v1/tokens/{token}/rotate": "tests/routers/test_tokens.py",
    "/api/v1/collections/{collection}/requests": "tests/routers/test_requests.py",
    "/api/v1/requests/{number}/{act}": "tests/routers/test_requests.py",
    "/api/v1/groups/{group}/members/{person}": "tests/routers/test_groups.py",
}
ATTRIBUTES = ("PatientID", "00080070", "SeriesDescription")


def asked(path: str, world: World, addresses: list[Address]) -> Iterator[Asked]:
    """Every way in which a route that reads is asked in this world. Raises KeyError for one that is new."""
    for root in sorted(ROOTS, key=len, reverse=True):
        if path.startswith(root):
            yield from _below(root, path.removeprefix(root), world, addresses)
            return
    if path not in PUBLIC:
        for query in BESIDE[path]:
            for values in _beside(path + query, world, addresses):
                yield Asked((path + query).format(**values))


def _beside(form: str, world: World, addresses: list[Address]) -> Iterator[dict[str, str]]:
    """What is put into a route's path and query: of what does not stand in it, one value."""
    named = slugs(world) if "{collection}" in form else [""]
    attributes = ATTRIBUTES if "{attribute}" in form else ("",)
    sent = [*map(key, world.drafts), "0" * 32] if "{submission}" in form else [""]
    units = [*(FIRST + place for place in range(len(world.units))), 999] if "{unit}" in form else [0]
    versions = ("1", "2", "3") if "{version}" in form else ("1",)
    carts = (CART_KEY, "0" * 32) if "{cart}" in form else ("",)
    for address in addresses if "{study}" in form or "{series}" in form else addresses[:1]:
        for slug_ in named:
            for attribute, submission, unit, version, cart in product(
                attributes, sent, units, versions, carts
            ):
                named_ = {"collection": slug_, "attribute": attribute, "submission": submission}
                named_ |= {"version": version, "cart": cart}
                named_ |= {"site": slug_.replace("collection", "site"), "unit": str(unit)}
                yield _values(address) | named_


def _below(root: str, path: str, world: World, addresses: list[Address]) -> Iterator[Asked]:
    for query, headers in BELOW[path]:
        for named in _named(root, world):
            for address in addresses if "{study}" in path + query else addresses[:1]:
                yield Asked((root + path + query).format(**(_values(address) | named)), headers)


def _named(root: str, world: World) -> list[dict[str, str]]:
    if "{version}" in root:
        first, *_, none = slugs(world)
        asked_for = ((first, "1"), (first, "2"), (first, "3"), (none, "1"))
        return [{"collection": each, "version": number} for each, number in asked_for]
    if "{cart}" in root:
        return [{"cart": CART_KEY}, {"cart": "0" * 32}]
    if "{collection}" in root:
        return [{"collection": each} for each in slugs(world)]
    if "{submission}" in root:
        return [{"submission": each} for each in (*map(key, world.drafts), "0" * 32)]
    return [{}]


def slugs(world: World) -> list[str]:
    """The collections' names, and one that is none."""
    return [*(slug(number) for number in range(len(world.rolling))), "none"]


def _values(address: Address) -> dict[str, str]:
    study, series, instance = address
    named = {"study": study, "series": series, "instance": instance}
    records = {"version": "1", "grant": "1", "group": "group", "number": "1"}
    records |= {"doi": "10.5072/none"}
    records |= dict.fromkeys(("person", "link", "token", "job", "webhook"), "1")
    return named | records | {"frames": "1", "path": "7FE00010"}
