"""How much one search may ask: what is beyond takes databases longer to plan than archives to answer."""

from collections.abc import Iterator

from app.errors import InvalidQuery
from app.query.ast import Between, Condition, Fuzzy, InItem, Tagged, Test, Wildcard

#: Patterns, ranges or words of one key. Each deepens an expression, and SQLite's may be 1,000 deep.
MOST_PARTS = 100
#: Keys that the tag index answers: each joins it once more for every level of the search.
MOST_TAGGED = 16


def bounded(conditions: tuple[Condition, ...]) -> tuple[Condition, ...]:
    """The conditions as they are. Raises InvalidQuery, which says what there is too much of."""
    for found in conditions:
        if any(_parts(test) > MOST_PARTS for test in _tests(found)):
            raise InvalidQuery(
                f"A key takes at most {MOST_PARTS} patterns, ranges or words here: ask in several searches."
            )
    if sum(len(_tagged(found)) for found in conditions) > MOST_TAGGED:
        raise InvalidQuery(
            f"One search takes at most {MOST_TAGGED} keys beside those that docs/conformance.md lists "
            "for its level."
        )
    return conditions


def _tests(found: Condition) -> Iterator[Condition | Test]:
    if not (keys := _tagged(found)):
        yield found
    for key in keys:
        yield from (test for _, test in key.tests)


def _tagged(found: Condition) -> tuple[Tagged, ...]:
    match found:
        case Tagged():
            return (found,)
        case InItem(keys=keys):
            return keys
    return ()


def _parts(test: Condition | Test) -> int:
    match test:
        case Wildcard(patterns=parts) | Between(ranges=parts) | Fuzzy(words=parts):
            return len(parts)
    return 1
