"""Passwords: hashed and compared with argon2id, a few at once, as each takes 64 MB for a moment."""

from functools import cache
from unicodedata import normalize

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from app.errors import InvalidRequest
from app.threads import Threads

SHORTEST, LONGEST = 12, 1000
_HASHER = PasswordHasher()
_in_turn = Threads("passwords", 2).run


async def hashed(password: str) -> str:
    """What is kept of a password. Raises InvalidRequest for one that is too short or too long."""
    if not SHORTEST <= len(password) <= LONGEST:
        raise InvalidRequest(f"A password has {SHORTEST} to {LONGEST} characters.")
    return await _in_turn(_HASHER.hash, _bytes(password))


async def matches(kept: str | None, password: str) -> bool:
    """Whether it is the password. Where there is none to compare with, it takes as long to say no."""
    return len(password) <= LONGEST and await _in_turn(_compare, kept, _bytes(password))


def _compare(kept: str | None, password: bytes) -> bool:
    try:
        return _HASHER.verify(kept or _nobodys(), password) and kept is not None
    except (Argon2Error, InvalidHashError):
        return False


@cache
def _nobodys() -> str:
    return _HASHER.hash(b"")


def _bytes(password: str) -> bytes:
    """The same whichever keyboard it was typed on."""
    return normalize("NFKC", password).encode(errors="surrogatepass")
