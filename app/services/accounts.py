"""Who the caller is: sign-in, resolved once per request to a Caller."""

from hmac import compare_digest

from app.access.callers import OWNER, STRANGER, Caller
from app.archive import Archive
from app.errors import NotSignedIn


async def identify(archive: Archive, authorization: str | None) -> Caller:
    """The caller behind an Authorization header.

    In local mode that is the owner; otherwise whoever sends the owner's token as a Bearer token (RFC 6750).
    Who sends none is a stranger. Raises NotSignedIn for a token that is not known.
    """
    settings = archive.settings
    if settings.local_mode:
        return OWNER
    if not authorization:
        return STRANGER
    scheme, _, token = authorization.partition(" ")
    secret = settings.owner_token.get_secret_value() if settings.owner_token else ""
    if scheme.lower() == "bearer" and secret and compare_digest(token.strip().encode(), secret.encode()):
        return OWNER
    raise NotSignedIn
