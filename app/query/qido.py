"""QIDO-RS: the parameters of a search become a Query, or are refused by name (PS3.18 8.3.4, 10.6).

Nothing that is not understood is passed over: a key that cannot be matched would otherwise find everything.
"""

import re
from collections.abc import Sequence

from app.dicom.attributes import Attribute, find
from app.dicom.resource import Resource
from app.errors import InvalidQuery
from app.query.answer import Page, render, rendered, total, warnings
from app.query.ast import Condition, Fields, Level, Query, Tagged, Universal
from app.query.bounds import bounded
from app.query.conditions import combine, condition
from app.query.parameters import read
from app.query.returned import is_made, outermost, returnable
from app.query.searchable import BY_PATH, NO_KEYS
from app.query.tagged import in_items, tagged

__all__ = [
    "DEFAULT_LIMIT",
    "MAXIMUM_LIMIT",
    "Page",
    "parse",
    "read",
    "render",
    "rendered",
    "total",
    "warnings",
]

DEFAULT_LIMIT = 1000
#: Of results in one page. Who asks for more is sent all of them, as they are read.
MAXIMUM_LIMIT = 10_000
#: An offset beyond any archive, within the integers of both databases.
_MAXIMUM_OFFSET = 2**62

#: Parameters of the request rather than of the search: another form of its headers (PS3.18 8.3.3).
_OF_THE_REQUEST = frozenset(("accept", "charset"))
_NOT_SUPPORTED = {
    "emptyvaluematching": "The emptyvaluematching parameter is not supported. "
    "Empty Value Matching has not been performed.",
    "multiplevaluematching": "The multiplevaluematching parameter is not supported. "
    "Multiple Value Matching has not been performed.",
}
_SEARCH = frozenset(("limit", "offset", "fuzzymatching", "includefield", *_NOT_SUPPORTED))
_UID = re.compile(r"[0-9.]{1,64}")
_UINT = re.compile(r"[0-9]+")
#: Commas may stand in the brackets of a private creator.
_BETWEEN_COMMAS = re.compile(r"(?:[^,\[]|\[[^\]]*\]?)+")
#: What a keyword or tag looks like, known to the dictionary or not.
_NAME = re.compile(
    r"(?:[A-Za-z][A-Za-z0-9]{0,63}|[0-9A-Fa-f]{8})(?:\.(?:[A-Za-z][A-Za-z0-9]{0,63}|[0-9A-Fa-f]{8})){0,9}"
)


def parse(level: Level, resource: Resource, parameters: Sequence[tuple[str, str]]) -> Query:
    """The search that the parameters (see `read`) ask for below the resource.

    Raises InvalidQuery, which names the parameter that is not understood.
    """
    _check_address(resource)
    options = _once([pair for pair in parameters if pair[0] in _SEARCH and pair[0] != "includefield"])
    keys = [pair for pair in parameters if pair[0] not in _SEARCH | _OF_THE_REQUEST]
    limit = _uint(options, "limit", DEFAULT_LIMIT)
    fields, left_out = _fields(level, [value for name, value in parameters if name == "includefield"])
    return Query(
        level,
        resource,
        bounded(_conditions(level, keys, fuzzy=_flag(options, "fuzzymatching"))),
        fields,
        limit=min(limit, MAXIMUM_LIMIT),
        offset=min(_uint(options, "offset", 0), _MAXIMUM_OFFSET),
        notes=(*_unsupported(options), *_left_out(left_out)),
        most=limit if limit > MAXIMUM_LIMIT else 0,
    )


def _check_address(resource: Resource) -> None:
    for uid in (resource.study, resource.series, resource.instance):
        if uid is not None and not _UID.fullmatch(uid):
            raise InvalidQuery("A UID in the address must consist of digits and dots, at most 64 of them.")


def _once(pairs: Sequence[tuple[str, str]]) -> dict[str, str]:
    for place, (name, _) in enumerate(pairs):
        if any(name == earlier for earlier, _ in pairs[:place]):
            raise InvalidQuery(f"The parameter {name} is there more than once; send it once.")
    return dict(pairs)


def _conditions(level: Level, keys: Sequence[tuple[str, str]], *, fuzzy: bool) -> tuple[Condition, ...]:
    asked: dict[str, tuple[Attribute, str]] = {}
    for name, value in keys:
        attribute = _attribute(name)
        if attribute.key in asked:
            raise InvalidQuery(f"The key {attribute.keyword} is there more than once; send it once.")
        asked[attribute.key] = attribute, value
    indexed = {
        attribute.path[0]
        for attribute, value in asked.values()
        if len(attribute.path) > 1 and value.strip("* ") and not _has_column(attribute, level)
    }
    found = [
        _condition(level, attribute, value, fuzzy=fuzzy, by_column=attribute.path[0] not in indexed)
        for attribute, value in asked.values()
    ]
    carried = [each for each in found if isinstance(each, Tagged)]
    return (*combine([each for each in found if not isinstance(each, Tagged)]), *in_items(carried))


def _has_column(attribute: Attribute, level: Level) -> bool:
    row = BY_PATH.get(attribute.path)
    return row is not None and row.level <= level


def _attribute(name: str) -> Attribute:
    attribute = find(name)
    if not attribute:
        raise InvalidQuery(
            f"The parameter {name[:80]!r} is neither known nor an attribute of the standard; write "
            "private ones as gggg00ee[creator]."
        )
    return attribute


def _condition(level: Level, attribute: Attribute, value: str, *, fuzzy: bool, by_column: bool) -> Condition:
    """`by_column` unless some key of the same sequence has no column: one item must hold all of them."""
    if attribute.keyword in NO_KEYS:
        raise InvalidQuery(f"{attribute.keyword} is no key here: {NO_KEYS[attribute.keyword]}.")
    if by_column and _has_column(attribute, level):
        return condition(attribute, value, fuzzy=fuzzy)
    if not value.strip("* ") and returnable(attribute, level):
        return Universal(attribute)
    if is_made(attribute) or not value.strip("* "):
        raise InvalidQuery(f"{attribute.keyword} ({attribute.key}) cannot be matched: it is no stored value.")
    return tagged(attribute, value, fuzzy=fuzzy)


def _fields(level: Level, texts: Sequence[str]) -> tuple[Fields, list[str]]:
    names = [name.strip(" ") for text in texts for name in _BETWEEN_COMMAS.findall(text) if name.strip(" ")]
    keys: list[str] = []
    left_out: list[str] = []
    for name in dict.fromkeys(names):
        attribute = find(name)
        if attribute and returnable(attribute, level):
            keys.append(outermost(attribute))
        elif name != "all":
            left_out.append(_well_formed(name))
    return Fields(tuple(dict.fromkeys(keys)), "all" in names), left_out


def _well_formed(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise InvalidQuery(
            "includefield takes keywords and tags of attributes, separated by commas, or 'all'."
        )
    return name


def _left_out(names: Sequence[str]) -> list[str]:
    """One sentence, short enough for a header however many there are."""
    if not names:
        return []
    more = f" and {len(names) - 10} more" if len(names) > 10 else ""
    return [f"These attributes of includefield cannot be returned here: {', '.join(names[:10])}{more}"]


def _unsupported(options: dict[str, str]) -> list[str]:
    return [sentence for name, sentence in _NOT_SUPPORTED.items() if _flag(options, name)]


def _flag(options: dict[str, str], name: str) -> bool:
    value = options.get(name, "false")
    if value not in ("true", "false"):
        raise InvalidQuery(f"The parameter {name} takes 'true' or 'false'.")
    return value == "true"


def _uint(options: dict[str, str], name: str, default: int) -> int:
    value = options.get(name)
    if value is None:
        return default
    if not _UINT.fullmatch(value):
        raise InvalidQuery(f"The parameter {name} takes an integer that is not negative.")
    digits = value.lstrip("0") or "0"
    return int(digits) if len(digits) < 19 else _MAXIMUM_OFFSET
