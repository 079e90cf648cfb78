"""A structured report to be read: its content tree as text or as a page (PS3.3 section C.17.3)."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from html import escape
from typing import Any

from app.dicom import sop_classes
from app.dicom.description import Json

_CONTENT, _VALUE_TYPE, _CONCEPT, _RELATIONSHIP = "0040A730", "0040A040", "0040A043", "0040A010"
_REFERENCED, _CLASS, _INSTANCE, _FRAMES = "00081199", "00081150", "00081155", "00081160"
_MEASURED, _NUMERIC, _UNIT, _QUALIFIER = "0040A300", "0040A30A", "004008EA", "0040A301"
_GRAPHIC_TYPE, _GRAPHIC_DATA, _TEMPORAL_TYPE, _TARGET = "00700023", "00700022", "0040A130", "0040DB73"
#: Label and tag of what stands above the tree.
_HEAD = (
    ("Patient", "00100010"),
    ("Patient ID", "00100020"),
    ("Birth date", "00100030"),
    ("Sex", "00100040"),
    ("Study", "00081030"),
    ("Study date", "00080020"),
    ("Series", "0008103E"),
    ("Content date", "00080023"),
    ("Completion", "0040A491"),
    ("Verification", "0040A493"),
)
#: Points named of one drawing; a contour may have thousands.
_MOST_POINTS = 8
_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:60em;margin:2em auto;padding:0 1em;color:#222}"
    "h1{font-size:1.4em}dl{display:grid;grid-template-columns:max-content 1fr;gap:.1em 1em}"
    "dt{color:#666}dd{margin:0}ul{list-style:none;padding-left:1.2em;border-left:1px solid #ddd}"
    "b{font-weight:600}i{color:#777;font-style:normal;font-size:.85em}"
    "footer{margin-top:2em;color:#777;font-size:.85em}span{white-space:pre-wrap}"
)
_FOOT = "For research, not for diagnosis."


@dataclass(frozen=True, slots=True)
class Item:
    """One content item: what it is about, its value, and how it belongs to the one above it."""

    relationship: str
    name: str
    value: str
    items: tuple["Item", ...]


def is_report(attributes: Json) -> bool:
    """Whether an instance of this DICOM JSON holds a content tree."""
    return _VALUE_TYPE in attributes and _CONTENT in attributes


def tree(attributes: Json) -> Item:
    """The content tree of a report, from its root. An item's own words stay as they are."""
    below = tuple(tree(item) for item in _items(attributes, _CONTENT))
    relationship = _text(attributes, _RELATIONSHIP).lower()
    return Item(relationship, _code(attributes, _CONCEPT), _value(attributes), below)


def text(attributes: Json) -> str:
    """The report as plain text, an item a line."""
    head = [f"{label}: {value}" for label, value in _head(attributes)]
    return "\n".join([*_lines(tree(attributes), 0), "", *head, "", _FOOT, ""])


def html(attributes: Json) -> str:
    """The report as a page without scripts, in which no word of the report is markup."""
    root = tree(attributes)
    head = "".join(f"<dt>{escape(label)}</dt><dd>{escape(value)}</dd>" for label, value in _head(attributes))
    title = escape(root.name or "Structured report")
    return (
        f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f"<style>{_STYLE}</style></head><body><h1>{title}</h1><dl>{head}</dl>"
        f"{_list(root.items)}<footer>{_FOOT}</footer></body></html>"
    )


def _lines(item: Item, depth: int) -> Iterator[str]:
    said = ": ".join(part for part in (item.name, item.value.replace("\n", " ")) if part)
    yield f"{'  ' * depth}{said}"
    for below in item.items:
        yield from _lines(below, depth + 1)


def _list(items: Iterable[Item]) -> str:
    rows = "".join(f"<li>{_entry(item)}{_list(item.items)}</li>" for item in items)
    return f"<ul>{rows}</ul>" if rows else ""


def _entry(item: Item) -> str:
    relationship = "" if item.relationship in ("", "contains") else f"<i>{escape(item.relationship)}</i> "
    name = f"<b>{escape(item.name)}</b> " if item.name else ""
    return f"{relationship}{name}<span>{escape(item.value)}</span>"


def _head(attributes: Json) -> Iterator[tuple[str, str]]:
    for label, tag in _HEAD:
        if value := _text(attributes, tag):
            yield label, value
    for observer in _items(attributes, "0040A073"):
        parts = (_text(observer, tag) for tag in ("0040A075", "0040A027", "0040A030"))
        yield "Verified by", ", ".join(part for part in parts if part)


def _value(item: Json) -> str:
    read = _VALUES.get(_text(item, _VALUE_TYPE))
    return read(item) if read else ""


def _measurement(item: Json) -> str:
    found = [f"{_text(value, _NUMERIC)} {_code(value, _UNIT)}".strip() for value in _items(item, _MEASURED)]
    return ", ".join(found) or _code(item, _QUALIFIER)


def _reference(item: Json) -> str:
    return "; ".join(_referenced(each) for each in _items(item, _REFERENCED))


def _referenced(each: Json) -> str:
    frames = ", ".join(map(str, _values(each, _FRAMES)))
    name = f"{sop_classes.name(_text(each, _CLASS))} {_text(each, _INSTANCE)}"
    return f"{name} frame {frames}" if frames else name


def _drawing(item: Json) -> str:
    numbers = [str(number) for number in _values(item, _GRAPHIC_DATA)]
    shown = ", ".join(numbers[: 2 * _MOST_POINTS])
    return f"{_text(item, _GRAPHIC_TYPE)} {shown}{' …' if len(numbers) > 2 * _MOST_POINTS else ''}".strip()


def _plain(tag: str) -> Callable[[Json], str]:
    return lambda item: _text(item, tag)


#: How the value of each value type reads (PS3.3 table C.17.3-7).
_VALUES: dict[str, Callable[[Json], str]] = {
    "TEXT": _plain("0040A160"),
    "CODE": lambda item: _code(item, "0040A168"),
    "NUM": _measurement,
    "PNAME": _plain("0040A123"),
    "DATE": _plain("0040A121"),
    "TIME": _plain("0040A122"),
    "DATETIME": _plain("0040A120"),
    "UIDREF": _plain("0040A124"),
    "IMAGE": _reference,
    "COMPOSITE": _reference,
    "WAVEFORM": _reference,
    "SCOORD": _drawing,
    "SCOORD3D": _drawing,
    "TCOORD": _plain(_TEMPORAL_TYPE),
    "": lambda item: f"see item {'.'.join(map(str, _values(item, _TARGET)))}" if _TARGET in item else "",
}


def _code(item: Json, tag: str) -> str:
    """A code as its meaning, and in brackets its value and scheme."""
    code = next(_items(item, tag), None)
    if code is None:
        return ""
    value = next((text for name in ("00080100", "00080119", "00080120") if (text := _text(code, name))), "")
    named = ", ".join(part for part in (value, _text(code, "00080102")) if part)
    return f"{_text(code, '00080104')} ({named})".strip() if named else _text(code, "00080104")


def _items(attributes: Json, tag: str) -> Iterator[Json]:
    return (item for item in _values(attributes, tag) if isinstance(item, dict))


def _values(attributes: Json, tag: str) -> list[Any]:
    return list(attributes.get(tag, {}).get("Value") or [])


def _text(attributes: Json, tag: str) -> str:
    """The values as they are read, a name by its first component group."""
    return ", ".join(_word(value) for value in _values(attributes, tag) if value is not None)


def _word(value: object) -> str:
    if isinstance(value, dict):
        group = next((str(group) for group in value.values()), "")
        return " ".join(part for part in group.split("^") if part)
    return str(value)
