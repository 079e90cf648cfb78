"""Who calls, by what means: what sign-in found out, before it is asked what they may do."""

from dataclasses import dataclass

from app.access.decide import NONE, Capabilities, Unit


@dataclass(frozen=True, slots=True)
class Caller:
    """The bearer of some credentials, or of none.

    `person` is the row of who signed in, or of whose token or link it is; `signed_in` is false for strangers.
    `everything` is the owner's and the administrators', `audits` also the auditors'.
    A token or a link may narrow what its person may do: to capabilities, to collections (rows), to studies
    (UIDs); None does not narrow. Who follows a link to a `cart` (row) sees nothing but that.
    `using` names in the audit what they sent: `personal:7`, a token; `link:3`; `session:9`, a browser's
    cookie; `jwt`. It is empty for the owner and strangers.
    """

    name: str
    person: int | None = None
    signed_in: bool = False
    everything: bool = False
    audits: bool = False
    capabilities: Capabilities | None = None
    collections: frozenset[int] | None = None
    studies: frozenset[str] | None = None
    cart: int | None = None
    using: str = ""

    @property
    def by_link(self) -> bool:
        """Whether it is the bearer of somebody's link: not that person."""
        return self.using.startswith("link:")

    @property
    def narrowed(self) -> bool:
        """Whether the credentials stand for less than their person."""
        return (self.capabilities, self.collections, self.studies) != (None, None, None)

    def left(self, unit: Unit, able: Capabilities) -> Capabilities:
        """What the credentials leave of what their person may do in the unit."""
        if self.collections is not None and unit.collection not in self.collections:
            return NONE
        return able if self.capabilities is None else able & self.capabilities


OWNER = Caller("owner", signed_in=True, everything=True, audits=True)
STRANGER = Caller("stranger")
