"""The answer to a search: what the index found, as DICOM JSON (PS3.18 10.6.3.3)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from operator import itemgetter
from typing import NamedTuple

import orjson

from app.dicom.attributes import find
from app.dicom.description import Json
from app.dicom.resource import Resource
from app.query.ast import Query
from app.query.elements import Elements, document, is_private, piece, valued
from app.query.returned import WHERE_PRESENT, wanted


class StudyCounts(NamedTuple):
    """What of a study the caller may see."""

    modalities: tuple[str, ...]
    series: int
    instances: int


class Found(NamedTuple):
    """One result: its full address, its kept attributes, and what was counted for it.

    `elements` may be more than are wanted, but of private ones they are just these, with their creators.
    `counts` are its study's, None where nobody asked; `instances` its series', None above series level.
    """

    resource: Resource
    elements: Elements
    counts: StudyCounts | None = None
    instances: int | None = None
    transfer_syntax_uid: str = ""


#: Results that follow a page are counted up to so many.
MOST_REMAINING = 1_000


@dataclass(frozen=True, slots=True)
class Page:
    """The results of one search from its offset on, at most its limit, and how many follow.

    `remaining` is exact below MOST_REMAINING and stays there beyond.
    """

    rows: Sequence[Found] = ()
    remaining: int = 0


def render(query: Query, page: Page, base_url: str) -> list[Json]:
    """The results as `rendered` gives them, all at once and parsed."""
    return [orjson.loads(result) for result in rendered(query, page, base_url)]


def rendered(query: Query, page: Page, base_url: str) -> Iterator[bytes]:
    """The results as DICOM JSON, keys ascending; an attribute that is wanted and has no value is empty.

    `base_url` is the absolute address of the DICOMweb root.
    """
    base_url, absent, everything = base_url.rstrip("/"), _absent(query), query.fields.all
    varied, in_order = everything or any("[" in key for key in wanted(query)), itemgetter(*absent)
    for found in page.rows:
        if varied:
            in_order = itemgetter(*_with_others(absent, found.elements, everything=everything))
        yield document(in_order({**absent, **found.elements, **_made(found, base_url)}))


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


def _absent(query: Query) -> Elements:
    """What stands for each attribute to return where a result has none of it, keys ascending."""
    where_present = {key.encode(): b"" for key in WHERE_PRESENT}
    empty = {key.encode(): _empty(key) for key in wanted(query) if "[" not in key}
    return dict(sorted((where_present | empty).items()))


def _with_others(absent: Elements, found: Elements, *, everything: bool) -> list[bytes]:
    """Its keys and those of private attributes, or of whatever else was found, ascending."""
    return sorted({*absent, *(key for key in found if everything or is_private(key))})


def _made(found: Found, base_url: str) -> Elements:
    """What is made for each answer."""
    resource, counts = found.resource, found.counts
    made = {
        b"00080056": _ONLINE,
        b"00081190": _RETRIEVE_URL % orjson.dumps(f"{base_url}/{resource.path}"),
        b"0020000D": _STUDY % orjson.dumps(resource.study),
    }
    if resource.series:
        made[b"0020000E"] = _SERIES % orjson.dumps(resource.series)
    if counts:
        made |= _counted(counts)
    if found.instances is not None:
        made[b"00201209"] = _OWN_COUNT % (b"%d" % found.instances)
    if found.transfer_syntax_uid:
        made[b"00083002"] = _TRANSFER_SYNTAX % orjson.dumps(found.transfer_syntax_uid)
    return made


@lru_cache(4096)
def _counted(counts: StudyCounts) -> Elements:
    """Many studies have the same counts, and each study many series."""
    return {
        # Without modalities the array is empty, not absent: on one study without it OHIF lists none at all.
        b"00080061": _MODALITIES % orjson.dumps(counts.modalities),
        b"00201206": _SERIES_COUNT % orjson.dumps(counts.series),
        b"00201208": _INSTANCE_COUNT % orjson.dumps(counts.instances),
    }


_ONLINE = valued(b"00080056", b"CS") % b'"ONLINE"'
_MODALITIES = b'"00080061":{"vr":"CS","Value":%b}'
_RETRIEVE_URL = valued(b"00081190", b"UR")
_STUDY, _SERIES = valued(b"0020000D", b"UI"), valued(b"0020000E", b"UI")
_SERIES_COUNT, _INSTANCE_COUNT = valued(b"00201206", b"IS"), valued(b"00201208", b"IS")
_OWN_COUNT, _TRANSFER_SYNTAX = valued(b"00201209", b"IS"), valued(b"00083002", b"UI")


@lru_cache(1024)
def _empty(key: str) -> bytes:
    attribute = find(key)
    vr = attribute.vr.partition(" or ")[0] if attribute else "UN"
    return piece(key.encode(), {"vr": vr})
