"""Known places of burned-in text, by device and kind of image: rules as data (`tables/regions.yaml`)."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import translate
from functools import cache
from importlib.resources import files
from typing import Annotated, Any, Final, Literal

import yaml
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from app.deid.boxes import Box, fitted, outside
from app.deid.written import parsed
from app.dicom import attributes
from app.dicom.elements import Element
from app.dicom.part10 import Part10

_ROWS, _COLUMNS = 0x00280010, 0x00280011
_REGIONS: Final = 0x00186011
#: Left, top, right and bottom of an ultrasound region, the last two inside it (PS3.3 C.8.5.5.1).
_LOCATION: Final = (0x00186018, 0x0018601A, 0x0018601C, 0x0018601E)
#: Bytes of a value that are looked at.
_LONGEST: Final = 1024
_COMPARISON = re.compile(r"(<=|>=|<|>)\s*(\d{1,9})")
_SIDE = re.compile(r"-?\d{1,6}|-?\d{1,3}(?:\.\d{1,3})?%|end")


def _path(text: str) -> tuple[int, ...]:
    found = attributes.find(text)
    if found is None or found.creators:
        raise ValueError(f"{text} is no standard attribute: write a keyword or a path of them with dots")
    return found.path


def _attribute(text: str) -> str:
    _path(text)
    return text


def _several(value: Any) -> Any:
    return value if isinstance(value, list | tuple) else (value,)


def _side(value: Any) -> str:
    text = str(value)
    if isinstance(value, bool | float) or not _SIDE.fullmatch(text):
        raise ValueError("a side of a box is a number of pixels, per cent of the frame, or `end`")
    return text


Side = Annotated[str, BeforeValidator(_side)]
Wanted = Annotated[tuple[str, ...], BeforeValidator(_several), Field(min_length=1)]
Blank = Literal["all", "outside-ultrasound-regions"] | tuple[Side, Side, Side, Side]


class Rule(BaseModel):
    """One rule: for which instances it holds, and what to blank in them."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(min_length=1, max_length=80)
    why: str = Field("", max_length=400)
    when: dict[Annotated[str, AfterValidator(_attribute)], Wanted] = Field(min_length=1)
    blank: tuple[Blank, ...] = ()
    look: bool = False


@dataclass(frozen=True, slots=True)
class Known:
    """What the rules say of an instance: which hold, what to blank, whether text may stand elsewhere too."""

    rules: tuple[str, ...] = ()
    boxes: tuple[Box, ...] = ()
    look: bool = False


NOTHING: Final = Known()


@cache
def ours() -> tuple[Rule, ...]:
    """The rules of the table."""
    return parse(yaml.safe_load((files("app.deid") / "tables" / "regions.yaml").read_text("utf-8")))


def parse(said: Iterable[Mapping[str, Any]]) -> tuple[Rule, ...]:
    """Rules as a policy writes them. Raises InvalidPolicy."""
    return tuple(parsed(Rule, each, "A rule for pixels") for each in said)


def known(part10: Part10, rules: Iterable[Rule] = ()) -> Known:
    """What our rules and these say of an instance; NOTHING where none holds."""
    rows, columns = part10.number(_ROWS) or 0, part10.number(_COLUMNS) or 0
    held = [rule for rule in (*ours(), *rules) if _holds(rule, part10)]
    if not held or min(rows, columns) < 1:
        return NOTHING
    boxes = (box for rule in held for blank in rule.blank for box in _boxes(blank, part10, rows, columns))
    names = tuple(rule.name for rule in held)
    return Known(names, tuple(fitted(boxes, rows, columns)), any(rule.look for rule in held))


def _holds(rule: Rule, part10: Part10) -> bool:
    return all(_has(part10, keyword, wanted) for keyword, wanted in rule.when.items())


def _has(part10: Part10, keyword: str, wanted: tuple[str, ...]) -> bool:
    """Whether one of the attribute's values is wanted."""
    path = _path(keyword)
    if wanted in (("present",), ("absent",)):
        return (_is_present(part10, path)) == (wanted == ("present",))
    return any(_matches(value, want) for value in _values(part10, path) for want in wanted)


def _is_present(part10: Part10, path: tuple[int, ...]) -> bool:
    if path == (_REGIONS,):
        # Regions without a size, as some writers leave them, are none.
        return any(True for _ in _regions(part10))
    return any(element.length or element.items for element in _elements(part10.dataset, path))


def _values(part10: Part10, path: tuple[int, ...]) -> Iterator[str]:
    for element in _elements(part10.dataset, path):
        number = part10.number(element.tag) if len(path) == 1 else None
        value = part10.data[element.offset : element.offset + min(element.length, _LONGEST)]
        text = value.decode("latin-1") if number is None else str(number)
        yield from (value.strip(" \0") for value in text.split("\\"))


def _elements(dataset: Iterable[Element], path: tuple[int, ...]) -> Iterator[Element]:
    tag, *rest = path
    for element in dataset:
        if element.tag == tag:
            if not rest:
                yield element
            for item in (element.items or ()) if rest else ():
                yield from _elements(item, tuple(rest))


def _matches(value: str, wanted: str) -> bool:
    comparison = _COMPARISON.fullmatch(wanted)
    if comparison is None:
        return _pattern(wanted).fullmatch(value.casefold()) is not None
    if not re.fullmatch(r"\d{1,9}", value):
        return False
    sign, number, limit = comparison[1], int(value), int(comparison[2])
    return {"<": number < limit, ">": number > limit, "<=": number <= limit, ">=": number >= limit}[sign]


@cache
def _pattern(wanted: str) -> re.Pattern[str]:
    return re.compile(translate(wanted.casefold()))


def _boxes(blank: Blank, part10: Part10, rows: int, columns: int) -> list[Box]:
    if blank == "all":
        return [Box(0, 0, columns, rows)]
    if isinstance(blank, str):
        return outside(_regions(part10), rows, columns)
    left, top, right, bottom = blank
    return [Box(_place(left, columns), _place(top, rows), _place(right, columns), _place(bottom, rows))]


def _place(side: str, length: int) -> int:
    """A side of a box in pixels."""
    if side == "end":
        return length
    place = round(float(side[:-1]) * length / 100) if side.endswith("%") else int(side)
    return place + length if side.startswith("-") else place


def _regions(part10: Part10) -> Iterator[Box]:
    """The ultrasound regions that have a size."""
    element = part10.get(_REGIONS)
    for item in (element.items or ()) if element else ():
        found = {each.tag: part10.value(each) for each in item if each.tag in _LOCATION}
        order: Literal["little", "big"] = "little" if part10.little_endian else "big"
        sides = [int.from_bytes(found[tag][:4], order) for tag in _LOCATION if len(found.get(tag, b"")) >= 4]
        if len(sides) == len(_LOCATION) and sides[0] < sides[2] and sides[1] < sides[3]:
            yield Box(sides[0], sides[1], sides[2] + 1, sides[3] + 1)
