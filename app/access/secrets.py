"""Secrets that stand for somebody: made here, kept only as digests, told apart by how they begin."""

from base64 import b64decode
from dataclasses import dataclass
from hashlib import sha256
from secrets import token_urlsafe

#: Of personal tokens, of links, and of the cookies of browsers that signed in.
PERSONAL, LINK, SESSION = "rr_", "rrl_", "rrs_"
#: So much of a token is shown to its owner, who may know it again by that.
SHOWN = 8
_BYTES = 32


def make(kind: str) -> str:
    """A new secret of this kind, of 256 random bits."""
    return kind + token_urlsafe(_BYTES)


def digest(secret: str) -> bytes:
    """What is kept of a secret, and what secrets are compared by, so that the time it takes tells nothing."""
    return sha256(secret.encode(errors="surrogatepass")).digest()


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a request brought along to say who sent it, and the `address` it came from.

    `token` is that of the Authorization header, as Bearer or as Basic password; `link` that of the address;
    `session` that of a cookie, `followed` that of a link's cookie. None of what was not brought.
    """

    token: str | None = None
    link: str | None = None
    session: str | None = None
    followed: str | None = None
    address: str = ""


def token_of(authorization: str) -> str:
    """The token in an Authorization header: RFC 6750 section 2.1, or the password of RFC 7617.

    Of a form that is neither it is empty, which no token is. As password only what was made here is taken.
    """
    scheme, _, given = authorization.partition(" ")
    match scheme.lower():
        case "bearer":
            return given.strip()
        case "basic":
            password = _password(given.strip())
            return password if password.startswith((PERSONAL, LINK)) else ""
    return ""


def _password(given: str) -> str:
    try:
        return b64decode(given, validate=True).decode().partition(":")[2]
    except ValueError:
        return ""
