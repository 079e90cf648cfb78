"""What every request passes through, outermost first: security headers, CORS, telemetry, the local guard.

Pure ASGI: each costs a few microseconds and touches no byte of a body.
"""

from collections.abc import Collection
from secrets import token_bytes
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.access.secrets import LINK
from app.routers.credentials import LINK_TOKEN, READING
from app.routers.problems import problem
from app.routers.rates import LEFT
from app.routers.responses import DATA_POLICY
from app.routers.small_bodies import SmallBodies
from app.routers.telemetry import Telemetry
from app.settings import Settings
from app.wire.forwarded import is_local_host

#: Set where a response does not set its own.
SECURITY_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    # What is answered depends on who asks: nobody but they may keep it.
    (b"cache-control", b"private, no-cache"),
    (b"vary", b"Authorization, Cookie"),
)
#: A page that sets no policy of its own may at least not be framed; anything else is never a page.
PAGE_POLICY = "frame-ancestors 'none'; base-uri 'self'; form-action 'self'; object-src 'none'"

#: What other sites' pages may send, and may read of an answer besides what the Fetch standard lets them.
CORS_METHODS = ("GET", "HEAD", "POST", "OPTIONS")
CORS_REQUEST = (
    *("Accept", "Authorization", "Cache-Control", "Content-Encoding", "Content-Type", "If-None-Match"),
    *("If-Range", "Range", "X-Request-ID", "X-Requested-With"),
)
CORS_EXPOSED = (
    *("Content-Type", "Content-Length", "Content-Location", "Content-Range", "ETag", "Location"),
    *("RateLimit", "RateLimit-Policy", "Retry-After", "Warning", "WWW-Authenticate"),
    *("X-Request-ID", "X-Total-Count"),
)
CORS_SECONDS = 3600


def middleware(settings: Settings) -> list[Middleware]:
    """The stack for `FastAPI(middleware=...)`."""
    key = settings.log_key.get_secret_value().encode() if settings.log_key else token_bytes(32)
    cors = [_cors(settings.cors_origins)] if settings.cors_origins else []
    guard = [Middleware(LocalGuard)] if settings.local_mode else []
    told = settings.requests_per_minute or not settings.local_mode
    rates = [Middleware(RateLimits)] if told else []
    return [
        *(Middleware(SecurityHeaders), *cors, Middleware(Telemetry, key=key), *guard),
        *(*rates, Middleware(SmallBodies), Middleware(LinkTokens)),
    ]


def _cors(origins: tuple[str, ...]) -> Middleware:
    """Cross-origin requests from these sites' pages (Fetch standard); tokens come in Authorization, never
    in cookies. Outside of telemetry, so that a page can read the answer that says what went wrong here."""
    return Middleware(
        CORSMiddleware,
        allow_origins=origins,
        allow_methods=CORS_METHODS,
        allow_headers=CORS_REQUEST,
        expose_headers=CORS_EXPOSED,
        max_age=CORS_SECONDS,
    )


class SecurityHeaders:
    """Headers that keep a browser from taking data for a page, or showing it inside another site's."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""

        async def secured(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = _secured(message.get("headers", ()))
            await send(message)

        await self._app(scope, receive, secured if scope["type"] == "http" else send)


def _secured(headers: Collection[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """With the headers that are missing. Names are in lower case, as ASGI has them."""
    given = dict(headers)
    policy = PAGE_POLICY if given.get(b"content-type", b"").startswith(b"text/html") else DATA_POLICY
    wanted = (*SECURITY_HEADERS, (b"content-security-policy", policy.encode()))
    return [*headers, *(pair for pair in wanted if pair[0] not in given)]


class RateLimits:
    """Adds to each response what is left to its caller, if that is counted, and takes back dead cookies."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""

        async def told(message: Message) -> None:
            if message["type"] == "http.response.start" and (left := scope.get(LEFT)):
                message["headers"] = [*message.get("headers", ()), *left]
            await send(message)

        await self._app(scope, receive, told)


class LinkTokens:
    """Takes a share link's token out of the address: what is read, logged or linked to has none."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if b"token=" + LINK.encode() in scope.get("query_string", b""):
            given = scope["query_string"].split(b"&")
            found = [pair for pair in given if pair.startswith(b"token=" + LINK.encode())]
            if found:
                scope[LINK_TOKEN] = found[0].removeprefix(b"token=").decode("latin-1")
                scope["query_string"] = b"&".join(pair for pair in given if pair not in found)
        await self._app(scope, receive, send)


class LocalGuard:
    """Whoever reaches a local archive is its owner, so it answers only those on this machine.

    A name other than this machine's (421) is how a web page rebinds its own name to us; a forwarded request
    (400) comes from a proxy, so from elsewhere; a write with another's Origin (403) from another site's page.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        refusal = _refusal(scope["method"], Headers(scope=scope)) if scope["type"] == "http" else None
        answer: ASGIApp = problem(*refusal) if refusal else self._app
        await answer(scope, receive, send)


def _refusal(method: str, headers: Headers) -> tuple[int, str] | None:
    hosts = headers.getlist("host")
    if len(hosts) != 1 or not is_local_host(hosts[0]):
        return 421, (
            "Without sign-in this archive answers only to localhost, 127.0.0.1 and [::1]. "
            "To serve it under another name set READINGROOM_OWNER_TOKEN."
        )
    if any(name == b"forwarded" or name.startswith(b"x-forwarded-") for name, _ in headers.raw):
        return 400, (
            "Without sign-in this archive takes no forwarded requests. "
            "To serve it behind a proxy set READINGROOM_OWNER_TOKEN and READINGROOM_TRUSTED_PROXIES."
        )
    origin = headers.get("origin")
    if origin and method not in READING and _netloc(origin) != hosts[0].lower():
        return 403, "Without sign-in this archive takes nothing from another site's page."
    return None


def _netloc(origin: str) -> str | None:
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return None
