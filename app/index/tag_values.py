"""What of an instance's DICOM JSON goes into the tag index.

Every attribute that has values, standard or private, at any depth. Left out: bulk and binary data, what the
standard's dictionary does not know, private attributes without their creator, the creators themselves (they
are part of the path), (0008,0005), as text is kept decoded, and (0008,0018), which no two instances share and
which has a column.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import lru_cache, reduce
from hashlib import blake2b
from operator import or_
from typing import Any, NamedTuple

from app.dicom.attributes import LONGEST_KEY, find, private_key
from app.dicom.description import Json
from app.query.kinds import KINDS, Form, forms, one_form, vr_of

#: More distinct values than these mark a path in a series as overflowing.
MOST = 64
#: Characters of a value that are indexed.
INDEXED = 256

#: A path and the VR that decides how its values match.
Path = tuple[str, str]


class Value(NamedTuple):
    """One value of a path, or the path's mark for series that overflow, which has no form."""

    path: Path
    form: Form | None
    digest: str


#: Values by their digest: those of instances are united without a look at what they are.
Tags = dict[str, Value]

_LEFT_OUT = frozenset(("00080005", "00080018"))
_ODD = frozenset("13579BDF")
#: Values up to this many characters come again and again, from instance to instance.
_SHORT = 64


def tags(attributes: Json, like: Json | None = None) -> Tags:
    """The values of every path in the instance; no path has many more than MOST of them.

    Without those of elements that are the same in `like`, the attributes of another instance.
    """
    found: Tags = {}
    several: dict[Path, Tags] = {}
    _walk(_differing(attributes, like) if like else attributes, attributes, "", found, several)
    for path, held in several.items():
        found |= held if len(held) <= MOST else _marked(path)
    return found


def _differing(attributes: Json, like: Json) -> Json:
    other = like.get
    own = {
        key: element
        for key, element in attributes.items()
        if (its := other(key)) is not element and its != element
    }
    # Under another creator private elements that are the same are other attributes.
    return attributes if any(key[3] in _ODD and key[4:6] == "00" for key in own) else own


def merge(tags: Sequence[Tags]) -> Tags:
    """The values of several instances together; of a path with more than MOST, only its mark."""
    merged, *others = tags
    if not others:
        return merged  # as `tags` made it
    merged = dict(merged)
    for one in others:
        merged |= one
    counts = Counter(value.path for value in merged.values())
    full = {path for path, count in counts.items() if count > MOST}
    full |= {value.path for value in merged.values() if value.form is None}
    if not full:
        return merged
    kept = {digest: value for digest, value in merged.items() if value.path not in full}
    return reduce(or_, map(_marked, full), kept)


def value_of(path: Path, form: Form) -> Value:
    """The value with its digest, its name in the dictionary: 128 bits of path, VR and text."""
    return Value(path, form, _digest(path, form.text))


@lru_cache(1 << 14)
def mark(path: Path) -> Value:
    """The path's mark for series that overflow: no value holds NUL."""
    return Value(path, None, _digest(path, "\0"))


def _marked(path: Path) -> Tags:
    return {mark(path).digest: mark(path)}


def _digest(path: Path, text: str) -> str:
    return blake2b("\0".join((*path, text)).encode(errors="replace"), digest_size=16).hexdigest()


def values_at(attributes: Json, step: str) -> Iterator[tuple[str, set[Form]]]:
    """The VR and the values of an attribute of one data set; a private one may be there in several blocks."""
    for key, element in _elements(attributes, step):
        own = element.get("vr", "")
        vr = _vr(key, step, own)
        if vr in KINDS and own != "SQ":
            yield vr, forms(KINDS[vr], element.get("Value") or [])


def items_at(attributes: Json, step: str) -> Iterator[Json]:
    """The items of a sequence of one data set."""
    for key, element in _elements(attributes, step):
        if _vr(key, step, element.get("vr", "")) == "SQ":
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


def _walk(elements: Json, attributes: Json, above: str, found: Tags, several: dict[Path, Tags]) -> None:
    """`attributes` are those of the data set that the elements are of."""
    for key, element in elements.items():
        present = element.get("Value")
        if not present or key in _LEFT_OUT:
            continue
        if not above and len(present) == 1 and key[3] not in _ODD and _is_short(present[0]):
            # Nearly all elements are such: they are looked up but once.
            if (known := _remembered_element(key, element.get("vr", ""), present[0])) is not None:
                found[known.digest] = known
            continue
        step = _step(key, attributes) if key[3] in _ODD else key
        path = _path(above, step, key, element.get("vr", "")) if step else None
        if path is None:
            continue
        if path[1] == "SQ":
            for item in _items(element):
                _walk(item, item, f"{path[0]}.", found, several)
        elif above or len(present) > 1:
            _hold(several.setdefault(path, {}), path, present)
        elif (value := _value(path, present[0])) is not None:
            found[value.digest] = value


def _hold(held: Tags, path: Path, present: list[Any]) -> None:
    """Add the values, as far as it matters: a look-up table may have thousands."""
    for one in present:
        if len(held) > MOST:
            return
        if (value := _value(path, one)) is not None:
            held[value.digest] = value


def _value(path: Path, value: Any) -> Value | None:
    return _remembered(path, value) if _is_short(value) else _fresh(path, value)


def _is_short(value: Any) -> bool:
    kind = type(value)
    return len(value) <= _SHORT if kind is str else kind is int or kind is float


def _fresh(path: Path, value: Any) -> Value | None:
    if value is None:
        return None
    form = one_form(KINDS[path[1]], value)
    return value_of(path, form) if form.text else None


#: 1 and 1.0 are two texts.
_remembered = lru_cache(1 << 15, typed=True)(_fresh)


def _of_element(key: str, own: str, value: Any) -> Value | None:
    """The value of a standard element of the data set itself."""
    path = _path("", key, key, own)
    return _fresh(path, value) if path and path[1] != "SQ" else None


_remembered_element = lru_cache(1 << 15, typed=True)(_of_element)


@lru_cache(1 << 14)
def _path(above: str, step: str, key: str, own: str) -> Path | None:
    """The path of an element; None where it is left out."""
    vr = _vr(key, step, own)
    held = vr == "SQ" or (vr in KINDS and own != "SQ")
    return (above + step, vr) if held and len(above) + len(step) <= LONGEST_KEY else None


def _items(element: Json) -> list[Json]:
    return [item for item in element.get("Value") or () if isinstance(item, dict)]


def _step(key: str, attributes: Json) -> str | None:
    """The element's step in a path; None for what is left out."""
    if key[3] not in _ODD:
        return key
    creator = attributes.get(f"{key[:4]}00{key[4:6]}", {}).get("Value") if key[4:6] != "00" else None
    return _private_step(key, str(creator[0])) if creator and creator[0] is not None else None


def _private_step(key: str, creator: str) -> str | None:
    return _remembered_step(key, creator) if len(creator) <= _SHORT else _found_step(key, creator)


def _found_step(key: str, creator: str) -> str | None:
    attribute = find(private_key(key, creator))
    return attribute.key if attribute else None


_remembered_step = lru_cache(1 << 14)(_found_step)


def _vr(key: str, step: str, own: str) -> str:
    """The dictionary's VR, whatever the instance says; of private attributes only the instance knows it."""
    if "[" in step:
        return own
    known = _standard_vr(key)
    return "" if (known == "SQ") != (own == "SQ") else known


@lru_cache(1 << 14)
def _standard_vr(key: str) -> str:
    attribute = find(key)
    return vr_of(attribute.vr) if attribute else ""
