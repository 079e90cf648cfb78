"""What a route is handed: the archive, and the DICOMweb root that the request was addressed to."""

from typing import Annotated

from fastapi import Depends, Path, Request, Response

from app.access.callers import Caller
from app.access.secrets import Credentials
from app.archive import Archive
from app.errors import InvalidToken
from app.routers import rates
from app.routers.addresses import public_url
from app.routers.counted import note
from app.routers.credentials import FOLLOWED, credentials, drop
from app.services.accounts import identify
from app.services.root import Ask, Root
from app.services.roots import (
    archive_root,
    bare_root,
    cart_root,
    collection_root,
    enriched_root,
    enter,
    submission_root,
    version_root,
)
from app.viewer import Viewer

#: Where it stands in the request who sent it, once that is known.
CALLER = "readingroom.identified"


async def get_archive(request: Request) -> Archive:
    """The archive this process opened."""
    return _archive(request)


async def get_caller(request: Request) -> Caller:
    """Who sent the request, found out once. Raises InvalidToken, Forbidden, TooMany, ProviderUnavailable."""
    caller: Caller | None = request.scope.get(CALLER)
    if caller is None:
        archive = _archive(request)
        # In local mode everybody is the owner, whatever they bring.
        brought = Credentials() if archive.settings.local_mode else credentials(request, archive)
        try:
            caller = request.scope[CALLER] = await identify(archive, brought)
        except InvalidToken:
            _forget_link(request, archive, brought)
            raise
        if not caller.using.startswith("link:"):
            _forget_link(request, archive, brought)
        note(request.scope, archive, caller)
        rates.count(request, archive, caller, brought.address)
    return caller


def _forget_link(request: Request, archive: Archive, brought: Credentials) -> None:
    """Have the browser forget the cookie of a link that stands for nothing any more."""
    if brought.followed is not None:
        answer = Response()
        drop(request, archive, answer, FOLLOWED)
        cookies = [each for each in answer.raw_headers if each[0] == b"set-cookie"]
        request.scope.setdefault(rates.LEFT, []).extend(cookies)


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


async def named_version(
    collection: Annotated[str, Path(description="The collection's short name", examples=["chest-ct"])],
    version: Annotated[str, Path(description="The number of the version", examples=["1"])],
) -> None:
    """Declares the parameters of a version's root for the OpenAPI document; `get_root` reads them."""


async def named_cart(
    cart: Annotated[str, Path(description="The cart's key", examples=["5f0c8a1e9b7d4c2f"])],
) -> None:
    """Declares the parameter of a cart's root for the OpenAPI document; `get_root` reads it."""


# It depends on no other dependency: resolving each costs as much as a row of the index.
async def get_root(request: Request) -> Root:
    """The root in the request's path. Raises NotSignedIn, NotFound."""
    archive, path = _archive(request), request.path_params
    caller, host = await get_caller(request), public_url(request, archive)
    # What stands beside a root is addressed like what is below it.
    root = request.scope["path"].partition("/dicom-web")[0].removesuffix("/archive.zip")
    root = root.removesuffix("/metadata.csv")
    if slug := path.get("collection"):
        if number := path.get("version"):
            return await version_root(archive, caller, host, slug, number)
        opened = enriched_root if root.endswith(f"/{slug}/with-results") else collection_root
        return await opened(archive, caller, host, slug)
    if key := path.get("submission"):
        return await submission_root(archive, caller, host, key)
    if key := path.get("cart"):
        return await cart_root(archive, caller, host, key)
    return await (bare_root if root.endswith("/without-results") else archive_root)(archive, caller, host)


async def root_again(request: Request) -> Root:
    """The root as it is by now, in the midst of an answer.

    Raises as `get_root` does, and InvalidToken where whoever asked has been shut out meanwhile.
    """
    archive = _archive(request)
    if not archive.settings.local_mode:
        request.scope[CALLER] = await identify(archive, credentials(request, archive))
    return await get_root(request)


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
