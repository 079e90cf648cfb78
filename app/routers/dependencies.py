"""What a route is handed: the archive, and the DICOMweb root that the request was addressed to."""

from typing import Annotated

from fastapi import Depends, Path, Request

from app.access.callers import Caller
from app.archive import Archive
from app.routers.counted import note
from app.services.accounts import identify
from app.services.root import Ask, Root
from app.services.roots import (
    archive_root,
    bare_root,
    collection_root,
    enriched_root,
    enter,
    submission_root,
)
from app.viewer import Viewer
from app.wire.forwarded import base_url


async def get_archive(request: Request) -> Archive:
    """The archive this process opened."""
    return _archive(request)


async def get_caller(request: Request) -> Caller:
    """Who sent the request. Raises NotSignedIn."""
    archive = _archive(request)
    caller = await identify(archive, request.headers.get("authorization"))
    note(request.scope, archive, caller)
    return caller


async def get_viewer(request: Request) -> Viewer:
    """What the caller may do. Raises NotSignedIn, also for strangers who may do nothing."""
    _, viewer = await enter(_archive(request), await get_caller(request))
    return viewer


def _archive(request: Request) -> Archive:
    archive: Archive = request.app.state.archive
    return archive


async def named_collection(
    collection: Annotated[str, Path(description="The collection's short name", examples=["inbox"])],
) -> None:
    """Declares the parameter of a collection's root for the OpenAPI document; `get_root` reads it."""


async def named_submission(
    submission: Annotated[str, Path(description="The submission's key", examples=["5f0c8a1e9b7d4c2f"])],
) -> None:
    """Declares the parameter of a submission's root for the OpenAPI document; `get_root` reads it."""


# It depends on no other dependency: resolving each costs as much as a row of the index.
async def get_root(request: Request) -> Root:
    """The root in the request's path. Raises NotSignedIn, NotFound."""
    archive, path = _archive(request), request.path_params
    caller, host = await get_caller(request), public_url(request, archive)
    results = request.scope["path"].partition("/dicom-web")[0].rpartition("/")[2]
    if slug := path.get("collection"):
        opened = enriched_root if results == "with-results" else collection_root
        return await opened(archive, caller, host, slug)
    if key := path.get("submission"):
        return await submission_root(archive, caller, host, key)
    return await (bare_root if results == "without-results" else archive_root)(archive, caller, host)


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
ACaller = Annotated[Caller, Depends(get_caller)]
