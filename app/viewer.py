"""Who asks, and what they may do: a value, resolved once per request."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Self


class Capability(Enum):
    """One thing that somebody may do with what lies in an access unit."""

    #: Find it, and read its metadata.
    FIND = "metadata.read"
    #: Look at its pixels: frames, pictures, bulk data.
    VIEW = "pixel.read"
    #: Take whole instances.
    DOWNLOAD = "download"
    #: Add annotations and other results.
    ANNOTATE = "annotate"
    #: Send submissions, and see one's own.
    SUBMIT = "submit"
    #: See and change everything, published or not.
    CURATE = "curate"
    #: Grant access, and change what the collection says of itself.
    OWN = "grant"


@dataclass(frozen=True, slots=True)
class Viewer:
    """The caller of one request.

    `sees_all` is the owner's and the administrators'. Everyone else sees what lies in `units`, those access
    units in which they may find things, and of that, where `studies` is not None, only those studies. `may`
    has the units of every capability they hold. `person` is the row of who signed in, `named` those of the
    collections to which their credentials limit them.
    """

    name: str
    sees_all: bool = False
    units: frozenset[int] = frozenset()
    studies: frozenset[str] | None = None
    person: int | None = field(default=None, compare=False)
    named: frozenset[int] | None = field(default=None, compare=False)
    may: Mapping[Capability, frozenset[int]] = field(default_factory=dict, compare=False)

    def at(self, capability: Capability) -> Self:
        """The same caller, who sees only that with which they may do this."""
        return self if self.sees_all else replace(self, units=self.where(capability))

    def where(self, capability: Capability) -> frozenset[int]:
        """The units in which the caller holds the capability; of one who sees all, none is listed."""
        return self.may.get(capability, frozenset())

    def holds(self, capability: Capability, unit: int) -> bool:
        """Whether the caller holds the capability in this access unit."""
        return self.sees_all or unit in self.where(capability)

    def knows(self, unit: int) -> bool:
        """Whether the caller may do anything in this access unit, and not with some studies alone."""
        known = self.studies is None and any(unit in held for held in self.may.values())
        return self.sees_all or known


OWNER = Viewer("owner", sees_all=True)
STRANGER = Viewer("stranger")
