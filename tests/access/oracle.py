"""Who may do what, said once more, slowly and in other words: one question at a time, by lists of names."""

from dataclasses import dataclass
from datetime import date, datetime

READS = ["metadata.read", "pixel.read"]
TAKES = ["metadata.read", "pixel.read", "download"]
GIVES = {
    "viewer": READS,
    "reader": TAKES,
    "annotator": [*TAKES, "annotate"],
    "submitter": ["submit"],
    "curator": [*TAKES, "annotate", "curate"],
    "owner": [*TAKES, "annotate", "curate", "grant"],
}


@dataclass
class Place:
    """An access unit."""

    collection: int
    site: int | None
    tier: str
    embargo: date | None
    hidden: bool


@dataclass
class Given:
    """A grant: `member_until` ends it for a member of a group, `revoked` for all."""

    to: str
    names: int | None
    role: str
    collection: int
    site: int | None
    starts: datetime
    ends: datetime | None
    revoked: bool = False
    #: Who is in the group that it names, each until when.
    members: dict[int, datetime | None] | None = None


def may(what: str, place: Place, grants: list[Given], person: int | None, moment: datetime) -> bool:
    """Whether somebody, or a stranger (None), may do this there at the moment."""
    for grant in grants:
        if reaches(grant, place) and lasts(grant, person, moment) and what in GIVES[grant.role]:
            return True
    return by_tier(what, place, person, moment)


def reaches(grant: Given, place: Place) -> bool:
    if grant.collection != place.collection:
        return False
    return grant.site is None or grant.site == place.site


def lasts(grant: Given, person: int | None, moment: datetime) -> bool:
    if grant.revoked or moment < grant.starts:
        return False
    if grant.ends is not None and not moment < grant.ends:
        return False
    if grant.to == "anyone":
        return True
    if person is None:
        return False
    if grant.to == "registered":
        return True
    if grant.to == "person":
        return grant.names == person
    assert grant.members is not None
    if person not in grant.members:
        return False
    until = grant.members[person]
    return until is None or moment < until


def by_tier(what: str, place: Place, person: int | None, moment: datetime) -> bool:
    # Before 00:00 UTC of its day nothing but the description is public, and that only where it is not hidden.
    embargoed = place.embargo is not None and moment.date() < place.embargo
    everyone_takes = place.tier == "open" or (place.tier == "registered" and person is not None)
    if everyone_takes and not embargoed:
        return what in TAKES
    return what == "metadata.read" and not place.hidden
