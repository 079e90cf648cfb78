"""Where we are reached, and from where: what the connection says, and the proxies that are trusted."""

from fastapi import Request

from app.archive import Archive
from app.wire.forwarded import base_url, sender


def public_url(request: Request, archive: Archive) -> str:
    """The archive's address as this caller sees it, without a slash at the end."""
    settings = archive.settings
    if settings.public_url:
        return settings.public_url
    client = request.client.host if request.client else None
    headers = joined(request) if settings.trusted_proxies else {}
    root_path = request.scope.get("root_path", "")
    host = _with_port(request) if settings.local_mode else request.headers.get("host", "")
    return base_url(request.scope["scheme"], host, root_path, client, headers, settings.trusted_proxies)


def client_address(request: Request, archive: Archive) -> str:
    """The address that the request came from, as far as it is told."""
    trusted = archive.settings.trusted_proxies
    client = request.client.host if request.client else None
    return sender(client, joined(request) if trusted else {}, trusted)


def joined(request: Request) -> dict[str, str]:
    """The request's headers, repeated ones joined by commas."""
    return {name: ",".join(request.headers.getlist(name)) for name in request.headers}


def _with_port(request: Request) -> str:
    """The Host header with the port that was connected to: dicomweb-client for Python leaves the port out.

    Only where nothing can stand between us and the client, which would have a port of its own.
    """
    host, (_, port) = request.headers.get("host", ""), request.scope.get("server") or ("", None)
    bare = host.rpartition("]")[2] if host.startswith("[") else host
    return f"{host}:{port}" if port and ":" not in bare else host
