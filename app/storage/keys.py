"""Keys of stored objects: fresh ULIDs, and the directory in which each lies.

A ULID is 48 bits of time in milliseconds and 80 random bits, written in 26 characters of Crockford's base 32,
so keys sort by age and are never given twice.
"""

import re
from datetime import datetime

from ulid import ULID, PureRandomPolicy, ULIDGenerator

from app.errors import InvalidKey

_KEY = re.compile(r"[0-7][0-9A-HJKMNP-TV-Z]{25}")
_BEGINNING = re.compile(r"([0-7][0-9A-HJKMNP-TV-Z]{0,25})?")
# Random within a millisecond too: counting on would give the same keys to two forked processes.
_generator = ULIDGenerator(policy=PureRandomPolicy())

#: Lengths of key prefix that name the two levels of directories: 9.3 hours, and 32.8 seconds within them.
COARSE, FINE = 5, 7


def fresh() -> str:
    """A key that no object has had."""
    return str(_generator.generate())


def check(key: str) -> str:
    """The key itself. Raises InvalidKey unless it is a ULID in capitals: no key can name another path."""
    if _KEY.fullmatch(key) is None:
        raise InvalidKey
    return key


def made(key: str) -> datetime:
    """When a key was given, to the millisecond, in UTC."""
    return ULID.from_str(key).datetime


def is_key(name: str) -> bool:
    """Whether a name found in a store is that of an object."""
    return _KEY.fullmatch(name) is not None


def may_begin(prefix: str) -> bool:
    """Whether a key may start so."""
    return _BEGINNING.fullmatch(prefix) is not None


def directory(key: str) -> str:
    """The directory of a key's object, `01K9Z/3M` for `01K9Z3M…`.

    By time rather than by digest: what one request stores lies in one directory or two, so that one fsync of
    it serves them all; a directory holds what came within 32.8 seconds (23,000 objects at 700 a second), and
    walking directories in order of name walks objects in order of key.
    """
    return f"{key[:COARSE]}/{key[COARSE:FINE]}"
