"""How a collection de-identifies what it is sent: by its policy, with its key."""

import hmac
from dataclasses import dataclass

from app.archive import Archive
from app.crosswalk import Seal
from app.deid import policy
from app.deid.engine import Rules
from app.deid.identity import Keyed
from app.deid.policy import Policy
from app.errors import Conflict, KeyUnavailable
from app.registry import deidentification
from app.threads import in_thread


@dataclass(frozen=True)
class Door:
    """How a collection de-identifies."""

    collection: int
    policy: Policy
    key: bytes

    @property
    def seal(self) -> Seal:
        """What its crosswalk is sealed with."""
        return Seal(self.key)

    def rules(self, named: dict[str, str] | None = None) -> Rules:
        """The policy, with the names that patients were given."""
        return Rules(self.policy, Keyed(self.key, self.policy.patient_ids, self.policy.dates, named))

    def source(self, digest: bytes) -> bytes:
        """The keyed hash of an instance's bytes as they came."""
        return hmac.digest(self.key, b"source\0" + digest, "sha256")[:16]


def key_check(key: bytes) -> bytes:
    """What tells whether a key is the same."""
    return hmac.digest(key, b"check", "sha256")


async def open_door(archive: Archive, collection: int, slug: str) -> Door:
    """The door of a collection that has one. Raises KeyUnavailable, and Conflict where it has none."""
    chosen = await archive.database.lookup(lambda connection: deidentification.of(connection, collection))
    if chosen is None:
        raise Conflict("The collection does not de-identify any more: send it again.")
    key = await in_thread(archive.keyring.get, slug)
    if key_check(key) != chosen.key_check:
        raise KeyUnavailable(f"The key of collection {slug} is not that of its data: bring that one back.")
    return Door(collection, policy.parse(chosen.policy), key)
