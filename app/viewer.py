"""Who asks, and what they may do: a value, resolved once per request."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Viewer:
    """The caller of one request.

    `sees_all` is the owner's and the administrator's; everyone else sees what lies in `units`, the access
    units on which they hold a capability.
    """

    name: str
    sees_all: bool = False
    units: frozenset[int] = frozenset()


OWNER = Viewer("owner", sees_all=True)
STRANGER = Viewer("stranger")
