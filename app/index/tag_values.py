"""What of an instance's DICOM JSON goes into the tag index.

Every attribute that has values, standard or private, at any depth. Left out: bulk and binary data, what the
standard's dictionary does not know, private attributes without their creator, the creators themselves (they
are part of the path), (0008,0005), as text is kept decoded, and (0008,0018), which no two instances share and
which has a column.
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from hashlib import blake2b
from typing import Any

from app.dicom.attributes import LONGEST_KEY, find, private_key
from app.dicom.description import Json
from app.query.kinds import KINDS, Form, forms, vr_of

#: More distinct values than these mark a path in a series as overflowing.
MOST = 64
#: Characters of a value that are indexed.
INDEXED = 256

#: A path and the VR that decides how its values match.
Path = tuple[str, str]
#: The values of each path; None where there are more than MOST.
Tags = dict[Path, frozenset[Form] | None]

_LEFT_OUT = frozenset(("00080005", "00080018"))
_ODD = frozenset("13579BDF")
_Found = dict[Path, set[Form]]


def tags(attributes: Json) -> Tags:
    """The values of every path in the instance."""
    found: _Found = {}
    _walk(attributes, "", found)
    return {path: None if len(held) > MOST else frozenset(held) for path, held in found.items()}


def merge(tags: Sequence[Tags]) -> Tags:
    """The values of several instances together."""
    merged: Tags = {}
    for one in tags:
        for path, held in one.items():
            before = merged.get(path, frozenset())
            if before is not held:
                both = None if before is None or held is None else before | held
                merged[path] = None if both is None or len(both) > MOST else both
    return merged


@lru_cache(1 << 16)
def digest(path: Path, text: str) -> str:
    """The name of a value in the dictionary: 128 bits of path, VR and text."""
    return blake2b("\0".join((*path, text)).encode(errors="replace"), digest_size=16).hexdigest()


def mark(path: Path) -> str:
    """The name of the path's mark for series that overflow: no value holds NUL."""
    return digest(path, "\0")


def values_at(attributes: Json, step: str) -> Iterator[tuple[str, set[Form]]]:
    """The VR and the values of an attribute of one data set; a private one may be there in several blocks."""
    for key, element in _elements(attributes, step):
        vr = _vr(key, step, element)
        if vr in KINDS and element.get("vr") != "SQ":
            yield vr, forms(KINDS[vr], element.get("Value") or [])


def items_at(attributes: Json, step: str) -> Iterator[Json]:
    """The items of a sequence of one data set."""
    for key, element in _elements(attributes, step):
        if _vr(key, step, element) == "SQ":
            yield from _items(element)


def _elements(attributes: Json, step: str) -> list[tuple[str, Json]]:
    if "[" not in step:
        return [(step, attributes[step])] if step in attributes else []
    group = step[:4]
    return [
        (key, element)
        for key, element in attributes.items()
        if key[:4] == group and key[6:] == step[6:8] and _step(key, attributes) == step
    ]


def _walk(attributes: Json, above: str, found: _Found) -> None:
    for key, element in attributes.items():
        present = element.get("Value")
        if not present or key in _LEFT_OUT:
            continue
        step = _step(key, attributes)
        if step is None or len(above) + len(step) > LONGEST_KEY:
            continue
        vr = _vr(key, step, element)
        if vr == "SQ":
            for item in _items(element):
                _walk(item, f"{above}{step}.", found)
        elif vr in KINDS and element.get("vr") != "SQ":
            held = found.setdefault((above + step, vr), set())
            _hold(held, KINDS[vr], present)


def _hold(held: set[Form], kind: str, present: list[Any]) -> None:
    """Add the values, as far as it matters: a look-up table may have thousands."""
    for place in range(0, len(present), 4 * MOST):
        if len(held) > MOST:
            return
        held |= forms(kind, present[place : place + 4 * MOST])


def _items(element: Json) -> list[Json]:
    return [item for item in element.get("Value") or () if isinstance(item, dict)]


def _step(key: str, attributes: Json) -> str | None:
    """The element's step in a path; None for what is left out."""
    if key[3] not in _ODD:
        return key
    creator = attributes.get(f"{key[:4]}00{key[4:6]}", {}).get("Value") if key[4:6] != "00" else None
    return _private_step(key, str(creator[0])) if creator and creator[0] is not None else None


@lru_cache(1 << 14)
def _private_step(key: str, creator: str) -> str | None:
    attribute = find(private_key(key, creator))
    return attribute.key if attribute else None


def _vr(key: str, step: str, element: Json) -> str:
    """The dictionary's VR, whatever the instance says; of private attributes only the instance knows it."""
    own: Any = element.get("vr", "")
    if "[" in step:
        return str(own)
    known = _standard_vr(key)
    return "" if (known == "SQ") != (own == "SQ") else known


@lru_cache(1 << 14)
def _standard_vr(key: str) -> str:
    attribute = find(key)
    return vr_of(attribute.vr) if attribute else ""
