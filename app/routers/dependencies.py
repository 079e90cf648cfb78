"""What a route is handed: the archive, and the DICOMweb root that the request was addressed to."""

from typing import Annotated

from fastapi import Depends, Path, Request

from app.archive import Archive
from app.errors import NotFound
from app.index import collections
from app.index.collections import INBOX
from app.index.scope import ARCHIVE, Scope
from app.services.accounts import identify
from app.services.root import Ask, Root
from app.viewer import Viewer
from app.wire.forwarded import base_url


async def get_archive(request: Request) -> Archive:
    """The archive this process opened."""
    return _archive(request)


async def get_viewer(request: Request) -> Viewer:
    """The caller. Raises NotSignedIn."""
    return _viewer(request)


def _archive(request: Request) -> Archive:
    archive: Archive = request.app.state.archive
    return archive


def _viewer(request: Request) -> Viewer:
    return identify(_archive(request).settings, request.headers.get("authorization"))


async def named_collection(
    collection: Annotated[str, Path(description="The collection's short name", examples=["inbox"])],
) -> None:
    """Declares the parameter of a collection's root for the OpenAPI document; `get_root` reads it."""


# It depends on no other dependency: resolving each costs as much as a row of the index.
async def get_root(request: Request) -> Root:
    """The root in the request's path: the whole archive, or one collection. Raises NotSignedIn, NotFound."""
    archive, viewer = _archive(request), _viewer(request)
    slug = request.path_params.get("collection")
    host = public_url(request, archive)
    if slug is None:
        return Root(archive, ARCHIVE, viewer, f"{host}/dicom-web", INBOX)
    found = await archive.database.lookup(lambda connection: collections.find(connection, slug))
    if found is None:
        raise NotFound
    return Root(archive, Scope(found.id), viewer, f"{host}/collections/{slug}/dicom-web", slug)


def public_url(request: Request, archive: Archive) -> str:
    """The archive's address as this caller sees it, without a slash at the end."""
    settings = archive.settings
    if settings.public_url:
        return settings.public_url
    client = request.client.host if request.client else None
    headers = _joined(request) if settings.trusted_proxies else {}
    root_path = request.scope.get("root_path", "")
    host = _with_port(request) if settings.local_mode else request.headers.get("host", "")
    return base_url(request.scope["scheme"], host, root_path, client, headers, settings.trusted_proxies)


def _joined(request: Request) -> dict[str, str]:
    return {name: ",".join(request.headers.getlist(name)) for name in request.headers}


def _with_port(request: Request) -> str:
    """The Host header with the port that was connected to: dicomweb-client for Python leaves the port out.

    Only where nothing can stand between us and the client, which would have a port of its own.
    """
    host, (_, port) = request.headers.get("host", ""), request.scope.get("server") or ("", None)
    bare = host.rpartition("]")[2] if host.startswith("[") else host
    return f"{host}:{port}" if port and ":" not in bare else host


def get_ask(request: Request) -> Ask:
    """What the request says about the form of its answer."""
    return Ask(
        ",".join(request.headers.getlist("accept")) or None,
        tuple(request.query_params.getlist("accept")),
        request.headers.get("if-none-match"),
    )


AnArchive = Annotated[Archive, Depends(get_archive)]
ARoot = Annotated[Root, Depends(get_root)]
