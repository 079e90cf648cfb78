"""How many requests a caller has left, where the settings limit them."""

from fastapi import Request

from app.access.callers import Caller
from app.archive import Archive
from app.routers.problems import rate_limit
from app.turnstile import Policy

#: Where headers wait for the response.
LEFT = "readingroom.left"


def count(request: Request, archive: Archive, caller: Caller, address: str) -> None:
    """Count a request of this caller, whatever they send to be known by; strangers by their address.

    Raises TooMany.
    """
    most = archive.settings.requests_per_minute
    if most is None:
        return
    who = caller.name if caller.signed_in else address
    told = rate_limit(archive.turnstile.enter(Policy("requests", most, 60), who))
    request.scope.setdefault(LEFT, []).extend(
        (name.lower().encode(), value.encode()) for name, value in told.items()
    )
