"""What is asked of the index: frozen values, free of HTTP and of SQL (PS3.4 C.2.2.2, PS3.18 8.3.4)."""

from dataclasses import dataclass
from enum import IntEnum

from app.dicom.attributes import Attribute
from app.dicom.resource import Resource


class Level(IntEnum):
    """The levels of the Study Root information model; a search takes the keys of its own and of all above."""

    STUDY = 1
    SERIES = 2
    INSTANCE = 3


@dataclass(frozen=True, slots=True)
class Universal:
    """No constraint, but the attribute is returned (C.2.2.2.3)."""

    attribute: Attribute


@dataclass(frozen=True, slots=True)
class OneOf:
    """Equal to one of the match forms: single value and list of UID matching (C.2.2.2.1, C.2.2.2.2)."""

    attribute: Attribute
    values: tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Wildcard:
    """Like one of the patterns: `*` is any characters, `?` exactly one, all else itself (C.2.2.2.4)."""

    attribute: Attribute
    patterns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Range:
    """Dates or times from `low` to `high`, both included; "" leaves an end open (C.2.2.2.5).

    `single` is one time of the precision given, which asks for no range and never joins one of dates.
    """

    attribute: Attribute
    low: str
    high: str
    single: bool = False


@dataclass(frozen=True, slots=True)
class DateTimeRange:
    """A date and a time range read as one range of moments (C.2.2.2.5.4, PS3.18 8.3.4.1.1).

    An end is a date and a time; where the time is "" the whole day belongs to the range, and where the date
    is "" the end is open. A moment without a time is in the range when the whole of its day is.
    """

    date: Attribute
    time: Attribute
    low: tuple[str, str]
    high: tuple[str, str]


@dataclass(frozen=True, slots=True)
class PersonName:
    """Patterns for the three component groups, folded (C.2.2.2.1.1); none leaves a group unconstrained.

    Of several patterns for one group any may match. With `any_group` there is one set of patterns, and any
    group may match them: the query did not say which it meant.
    """

    attribute: Attribute
    groups: tuple[tuple[str, ...], ...]
    any_group: bool = False


@dataclass(frozen=True, slots=True)
class Fuzzy:
    """The name matches literally, or each word begins some word of it (PS3.18 8.3.4.2)."""

    literal: PersonName
    words: tuple[str, ...]

    @property
    def attribute(self) -> Attribute:
        """The name that is matched."""
        return self.literal.attribute


@dataclass(frozen=True, slots=True)
class Between:
    """A number within one of the ranges, both ends included; compared as doubles of 64 bits."""

    attribute: Attribute
    ranges: tuple[tuple[float, float], ...]


Test = OneOf | Wildcard | Range | Between | PersonName | Fuzzy


@dataclass(frozen=True, slots=True)
class Tagged:
    """Some value of an attribute, wherever it lies, passes: what is asked of the tag index.

    Each test is for values of its kind (`app.query.kinds`). A standard attribute has one kind; of a private
    one only the instances know it, so there is a test for each kind that the value makes sense for.
    """

    attribute: Attribute
    tests: tuple[tuple[str, Test], ...]


@dataclass(frozen=True, slots=True)
class InItem:
    """All of these hold in one item of the sequence in which their paths begin (C.2.2.2.6), two at least."""

    keys: tuple[Tagged, ...]


#: What is asked of the tag index.
Carrying = Tagged | InItem

Condition = Universal | Carrying | OneOf | Wildcard | Range | DateTimeRange | PersonName | Fuzzy


@dataclass(frozen=True, slots=True)
class Fields:
    """The attributes to return besides the default ones: those of `keys`, or all that are kept."""

    keys: tuple[str, ...] = ()
    all: bool = False


@dataclass(frozen=True, slots=True)
class Query:
    """One search: which `level`, below which `resource`, under which conditions, returning which fields.

    `notes` are sentences for Warning headers that parsing gave rise to. `most` is how many results are asked
    for where that is more than the greatest page, `limit`; else 0.
    """

    level: Level
    resource: Resource
    conditions: tuple[Condition, ...] = ()
    fields: Fields = Fields()
    limit: int = 1000
    offset: int = 0
    notes: tuple[str, ...] = ()
    most: int = 0
