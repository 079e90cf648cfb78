"""What a request brings along to say who sent it; and the cookies of browsers.

A cookie comes by itself, whoever's page sends the request: what changes something must come from our own.
"""

from urllib.parse import urlsplit

from fastapi import Request, Response

from app.access.secrets import Credentials, token_of
from app.archive import Archive
from app.errors import Forbidden
from app.routers.addresses import client_address, public_url

#: The methods that change nothing (RFC 9110 section 9.2.1).
READING = frozenset({"GET", "HEAD", "OPTIONS"})
#: Where middleware leaves the token of a share link that stood in the address.
LINK_TOKEN = "readingroom.link"  # noqa: S105 (a name, not a secret)
#: What a browser holds who signed in, who followed a link, and who is at the provider now.
SESSION, FOLLOWED, JOURNEY = "readingroom", "readingroom-link", "readingroom-journey"


def credentials(request: Request, archive: Archive) -> Credentials:
    """What the request brings. While a link's cookie stands for something, it comes before the sign-in.

    Raises Forbidden for what would change something with a cookie alone, from a page that is not ours.
    """
    authorization, link = request.headers.get("authorization"), request.scope.get(LINK_TOKEN)
    token = token_of(authorization) if authorization else None
    address = client_address(request, archive)
    if token is not None or link is not None:
        return Credentials(token, link, address=address)
    session, followed = held(request, archive, SESSION), held(request, archive, FOLLOWED)
    if (session or followed) and request.method not in READING:
        require_own_page(request, archive)
    return Credentials(session=session, followed=followed, address=address)


def require_own_page(request: Request, archive: Archive) -> None:
    """Raises Forbidden unless the browser says that a page of ours sent it (Fetch Metadata, Origin)."""
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    own = site in {"same-origin", "none"} if site else origin == _origin(public_url(request, archive))
    if not own:
        raise Forbidden("With a browser's sign-in this is taken from the archive's own pages only.")


def held(request: Request, archive: Archive, name: str) -> str | None:
    """The value of a cookie of ours."""
    if "cookie" not in request.headers:
        return None
    return request.cookies.get(_name(name, _secure(request, archive))) or None


def hold(request: Request, archive: Archive, response: Response, name: str, value: str, seconds: int) -> None:
    """Have the browser keep a cookie: for us alone, away from scripts, and over https where we are there."""
    secure = _secure(request, archive)
    response.set_cookie(
        _name(name, secure), value, max_age=seconds, path="/", secure=secure, httponly=True, samesite="lax"
    )


def drop(request: Request, archive: Archive, response: Response, *names: str) -> None:
    """Have the browser forget cookies."""
    for name in names:
        hold(request, archive, response, name, "", 0)


def _name(name: str, secure: bool) -> str:
    # A browser takes a cookie of such a name only over https, for one host and all its paths (RFC 6265bis).
    return f"__Host-{name}" if secure else name


def _secure(request: Request, archive: Archive) -> bool:
    return public_url(request, archive).startswith("https:")


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}".lower()
