"""Random units, grants and moments, close to each other so that they meet."""

from datetime import UTC, date, datetime, timedelta

from hypothesis import strategies as st

from app.access.roles import PUBLIC, ROLES, TIERS
from tests.access.oracle import Given, Place

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
PEOPLE = (1, 2, 3)
GROUPS = (1, 2)
COLLECTIONS = (1, 2)
SITES = (None, 1, 2)
#: Ends and beginnings to the moment, and a little beside it.
MOMENTS = st.sampled_from(
    [
        datetime(2026, 3, day, hour, tzinfo=UTC) + timedelta(microseconds=beside)
        for day in (1, 2, 3)
        for hour in (0, 12)
        for beside in (-1, 0, 1)
    ]
)
ENDS = st.none() | MOMENTS


@st.composite
def places(draw: st.DrawFn) -> list[Place]:
    """Access units of a few collections; a collection's first is its own."""
    found = [_place(draw, collection, None) for collection in COLLECTIONS]
    more = draw(st.lists(st.tuples(st.sampled_from(COLLECTIONS), st.sampled_from(SITES)), max_size=3))
    return found + [_place(draw, collection, site) for collection, site in more]


def _place(draw: st.DrawFn, collection: int, site: int | None) -> Place:
    embargo = draw(st.none() | st.dates(date(2026, 3, 1), date(2026, 3, 4)))
    return Place(collection, site, draw(st.sampled_from(list(TIERS))), embargo, draw(st.booleans()))


@st.composite
def givens(draw: st.DrawFn) -> list[Given]:
    """Grants, those of one group with the same members."""
    member = st.dictionaries(st.sampled_from(PEOPLE), ENDS, max_size=len(PEOPLE))
    members = {group: draw(member) for group in GROUPS}
    return [_given(draw, members) for _ in range(draw(st.integers(0, 5)))]


def _given(draw: st.DrawFn, members: dict[int, dict[int, datetime | None]]) -> Given:
    to = draw(st.sampled_from(["person", "group", "registered", "anyone"]))
    named = {"person": PEOPLE, "group": GROUPS}.get(to)
    names = draw(st.sampled_from(named)) if named else None
    return Given(
        to,
        names,
        draw(st.sampled_from(list(ROLES) if named else list(PUBLIC))),
        draw(st.sampled_from(COLLECTIONS)),
        draw(st.sampled_from(SITES)),
        draw(MOMENTS),
        draw(ENDS),
        draw(st.integers(0, 4)) == 0,
        members[names] if to == "group" and names else None,
    )


CALLERS = st.sampled_from([None, *PEOPLE])
