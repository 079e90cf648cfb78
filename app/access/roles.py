"""Roles in a collection, and what each may do."""

from app.viewer import Capability

_READING = frozenset({Capability.FIND, Capability.VIEW})
_TAKING = _READING | {Capability.DOWNLOAD}

#: A submitter sees what lies in the collection only by another role; an annotator reads what is annotated.
ROLES: dict[str, frozenset[Capability]] = {
    "viewer": _READING,
    "reader": _TAKING,
    "annotator": _TAKING | {Capability.ANNOTATE},
    "submitter": frozenset({Capability.SUBMIT}),
    "curator": _TAKING | {Capability.ANNOTATE, Capability.CURATE},
    "owner": _TAKING | {Capability.ANNOTATE, Capability.CURATE, Capability.OWN},
}

#: The roles that may be granted to everybody: those that only read.
PUBLIC = ("viewer", "reader")

#: What a tier gives to whom nothing was granted: anyone, or whoever has signed in.
TIERS: dict[str, tuple[frozenset[Capability], frozenset[Capability]]] = {
    "open": (_TAKING, _TAKING),
    "registered": (frozenset({Capability.FIND}), _TAKING),
    "request": (frozenset({Capability.FIND}), frozenset({Capability.FIND})),
    "private": (frozenset({Capability.FIND}), frozenset({Capability.FIND})),
}
