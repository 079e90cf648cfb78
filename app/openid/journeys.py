"""What is known of those whom a provider signs in, apart from the code that talks to it.

That brings 15 MB of other packages, which a process has only where there is a provider.
"""

from dataclasses import dataclass
from secrets import token_urlsafe

#: So long somebody may take to sign in, in seconds.
TO_SIGN_IN = 600


@dataclass(frozen=True, slots=True)
class Claimed:
    """Whom a provider vouches for. `name` and `email` are empty where it does not say."""

    issuer: str
    subject: str
    name: str
    email: str


@dataclass(frozen=True, slots=True)
class Journey:
    """One browser on its way to the provider and back: what it must bring along, and where it goes then."""

    state: str
    nonce: str
    verifier: str
    next: str

    @classmethod
    def begin(cls, to: str) -> "Journey":
        """A new one, that ends at this path."""
        return cls(token_urlsafe(24), token_urlsafe(24), token_urlsafe(48), to)
