"""Who the caller is: sign-in, resolved once per request to a Viewer."""

from hmac import compare_digest

from app.errors import NotSignedIn
from app.settings import Settings
from app.viewer import OWNER, Viewer


def identify(settings: Settings, authorization: str | None) -> Viewer:
    """The viewer behind an Authorization header.

    In local mode that is the owner; otherwise whoever sends the owner's token as a Bearer token (RFC 6750).
    Raises NotSignedIn.
    """
    if settings.local_mode:
        return OWNER
    scheme, _, token = (authorization or "").partition(" ")
    secret = settings.owner_token.get_secret_value() if settings.owner_token else ""
    if scheme.lower() == "bearer" and secret and compare_digest(token.strip().encode(), secret.encode()):
        return OWNER
    raise NotSignedIn
