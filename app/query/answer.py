"""The answer to a search: what the index found, as DICOM JSON (PS3.18 10.6.3.3)."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from app.dicom.attributes import find
from app.dicom.description import Json
from app.dicom.resource import Resource
from app.query.ast import Query
from app.query.returned import WHERE_PRESENT, picked, wanted


@dataclass(frozen=True, slots=True)
class StudyCounts:
    """What of a study the caller may see."""

    modalities: tuple[str, ...]
    series: int
    instances: int


@dataclass(frozen=True, slots=True)
class Found:
    """One result: its full address, its kept attributes, and what was counted for it.

    `counts` are its study's, None where nobody asked; `instances` its series', None above series level.
    """

    resource: Resource
    attributes: Json
    counts: StudyCounts | None = None
    instances: int | None = None
    transfer_syntax_uid: str = ""


#: Results that follow a page are counted up to so many.
MOST_REMAINING = 10_000


@dataclass(frozen=True, slots=True)
class Page:
    """The results of one search from its offset on, at most its limit, and how many follow.

    `remaining` is exact below MOST_REMAINING and stays there beyond.
    """

    rows: Sequence[Found] = ()
    remaining: int = 0


def render(query: Query, page: Page, base_url: str) -> list[Json]:
    """The results as `rendered` gives them, all at once."""
    return list(rendered(query, page, base_url))


def rendered(query: Query, page: Page, base_url: str) -> Iterator[Json]:
    """The results as DICOM JSON, keys ascending; an attribute that is wanted and has no value is empty.

    `base_url` is the absolute address of the DICOMweb root.
    """
    keys = wanted(query)
    empty = {key: {"vr": _vr(key)} for key in keys if "[" not in key}
    private = tuple(key for key in keys if "[" in key)
    base_url, all_kept = base_url.rstrip("/"), query.fields.all
    for found in page.rows:
        yield _rendered(found, empty, private, base_url, all_kept=all_kept)


def warnings(query: Query, page: Page, base_url: str) -> list[str]:
    """The values of the Warning headers (PS3.18 8.3.4.4.1)."""
    sentences = list(query.notes)
    if page.remaining:
        sentences.append(f"There are {page.remaining} additional results that can be requested")
    return [f"299 {base_url.rstrip('/')}: {sentence}" for sentence in sentences]


def total(query: Query, page: Page) -> int | None:
    """How many results there are in all, where the page tells: it costs nothing more to know."""
    beyond = query.offset > 0 and not page.rows and not page.remaining
    known = page.remaining < MOST_REMAINING and not beyond
    return query.offset + len(page.rows) + page.remaining if known else None


def _rendered(
    found: Found, empty: Mapping[str, Json], private: Sequence[str], base_url: str, *, all_kept: bool
) -> Json:
    attributes = found.attributes | _computed(found, base_url)
    unasked = [key for key in WHERE_PRESENT if key in attributes and key not in empty]
    unasked += picked(found.attributes, private) if private else ()
    if all_kept:
        return {key: attributes.get(key) or empty[key] for key in sorted({*empty, *found.attributes})}
    if unasked:
        return {key: attributes.get(key) or empty[key] for key in sorted({*empty, *unasked})}
    return {key: attributes.get(key) or element for key, element in empty.items()}


def _computed(found: Found, base_url: str) -> Json:
    resource = found.resource
    computed: Json = {
        "00080056": {"vr": "CS", "Value": ["ONLINE"]},
        "00081190": {"vr": "UR", "Value": [f"{base_url}/{resource.path}"]},
        "0020000D": {"vr": "UI", "Value": [resource.study]},
    }
    if resource.series:
        computed["0020000E"] = {"vr": "UI", "Value": [resource.series]}
    if found.instances is not None:
        computed["00201209"] = {"vr": "IS", "Value": [found.instances]}
    if found.transfer_syntax_uid:
        computed["00083002"] = {"vr": "UI", "Value": [found.transfer_syntax_uid]}
    return computed | _counted(found.counts) if found.counts else computed


def _counted(counts: StudyCounts) -> Json:
    return {
        # Without modalities the array is empty, not absent: on one study without it OHIF lists none at all.
        "00080061": {"vr": "CS", "Value": list(counts.modalities)},
        "00201206": {"vr": "IS", "Value": [counts.series]},
        "00201208": {"vr": "IS", "Value": [counts.instances]},
    }


def _vr(key: str) -> str:
    attribute = find(key)
    return attribute.vr.partition(" or ")[0] if attribute else "UN"
