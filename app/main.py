"""The ASGI application: the house opened, its routers put in, its errors answered in one form."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import cache
from importlib.metadata import version

from fastapi import APIRouter, Depends, FastAPI, params
from fastapi_swagger import patch_fastapi
from starlette.routing import BaseRoute

from app import traces
from app.archive import Archive
from app.database import check_revision
from app.errors import StoreUnavailable
from app.routers import (
    accounts,
    agreements,
    attributes,
    audit,
    browse,
    capabilities,
    carts,
    catalog,
    changes,
    cite,
    collections,
    deidentification,
    discovery,
    dois,
    downloads,
    explain,
    facets,
    fixity,
    grants,
    groups,
    health,
    jobs,
    landing,
    me,
    problems,
    qido,
    rendered,
    requests,
    share_links,
    sign_in,
    sites,
    stow,
    submissions,
    tokens,
    versions,
    viewer,
    wado,
    wado_uri,
    webhooks,
)
from app.routers.below_root import put_below
from app.routers.dependencies import named_cart, named_collection, named_submission, named_version
from app.routers.heads import heads
from app.routers.middleware import middleware
from app.services import purges
from app.services.background import working
from app.services.views import audited
from app.settings import Settings

DESCRIPTION = """
An open imaging archive: every cohort is a DICOMweb root. For research, not for diagnosis.

`/dicom-web` is the whole archive, `/without-results/dicom-web` the same but analysis results,
`/collections/{collection}/dicom-web` one collection, `/collections/{collection}/with-results/dicom-web` that
and the analysis results that lie in its studies, `/collections/{collection}/versions/{version}/dicom-web` as
it was published then, `/carts/{cart}/dicom-web` a list of series that somebody keeps,
`/submissions/{submission}/dicom-web` what was sent and is not published yet; each answers QIDO-RS, WADO-RS
and STOW-RS (DICOM PS3.18).
"""
#: Every kind of DICOMweb root, by its path, with what declares the parameters in it.
ROOTS: dict[str, list[params.Depends]] = {
    "/dicom-web": [],
    "/collections/{collection}/dicom-web": [Depends(named_collection)],
    "/collections/{collection}/with-results/dicom-web": [Depends(named_collection)],
    "/without-results/dicom-web": [],
    "/submissions/{submission}/dicom-web": [Depends(named_submission)],
    "/collections/{collection}/versions/{version}/dicom-web": [Depends(named_version)],
    "/carts/{cart}/dicom-web": [Depends(named_cart)],
}
#: Those that never change: nothing is stored there.
FIXED = ("/collections/{collection}/versions/{version}/dicom-web", "/carts/{cart}/dicom-web")

#: Those that are taken away whole: of the archive itself one takes a part.
COHORTS = tuple(root for root in ROOTS if "{" in root)

#: What is read below each root, the busiest first.
READING = (wado.router, qido.router, rendered.router, downloads.router, wado_uri.router, capabilities.router)
#: What stands beside the roots.
BESIDE = (
    wado_uri.router,
    attributes.router,
    collections.router,
    facets.router,
    sites.router,
    catalog.router,
    browse.router,
    landing.router,
    discovery.router,
    submissions.router,
    deidentification.router,
    versions.router,
    changes.router,
    carts.router,
    audit.router,
    explain.router,
    requests.router,
    agreements.router,
    grants.router,
    groups.router,
    health.router,
    sign_in.router,
    me.router,
    accounts.router,
    tokens.router,
    share_links.router,
    dois.router,
    cite.router,
    jobs.router,
    fixity.router,
    webhooks.router,
)


def create_app(settings: Settings | None = None, *, warm: bool = False) -> FastAPI:
    """The application for these settings, those of the environment by default.

    Raises Misconfigured where serving so would be unsafe.
    """
    settings = settings or Settings.load()
    settings.check_servable()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        await check_revision(settings.database_url)
        traces.start()
        archive = await Archive.open(settings)
        app.state.archive = archive
        with suppress(StoreUnavailable):
            await purges.finish_in_time(archive)
        warming = asyncio.create_task(archive.codecs.warm()) if warm else None
        try:
            async with audited(archive), working(archive):
                yield
        finally:
            if warming:
                warming.cancel()
            await archive.close()
            traces.stop()

    app = FastAPI(
        title="Reading Room",
        version=version("readingroom"),
        description=DESCRIPTION,
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
        lifespan=lifespan,
        middleware=middleware(settings),
        redirect_slashes=False,
        docs_url=None,
        redoc_url=None,
        swagger_ui_oauth2_redirect_url=None,
    )
    # The API's pages from our own origin: a lab without a way out sees them too, and nobody else hears of it.
    patch_fastapi(app)
    problems.install(app)
    app.router.routes.extend(_routes())
    return app


@cache
def _routes() -> list[BaseRoute]:
    """All of them, in the order in which they are tried: the busiest first.

    Made once: several hundred take longer than all else that an application is.
    """
    made = APIRouter()
    for root, named in ROOTS.items():
        for routes in READING if root in FIXED else (*READING, stow.router):
            put_below(root, routes, made, named)
    for root in COHORTS:
        put_below(root.removesuffix("/dicom-web"), downloads.home, made, ROOTS[root])
    for routes in BESIDE:
        made.include_router(routes)
    for root in ROOTS:
        home = root.removesuffix("/dicom-web")
        if root in COHORTS:
            made.include_router(heads(downloads.home), prefix=home)
        made.include_router(viewer.router, prefix=home)
        made.include_router(heads(viewer.router), prefix=home)
        for routes in READING:
            made.include_router(heads(routes), prefix=root)
        made.include_router(capabilities.options(), prefix=root)
    for routes in BESIDE:
        made.include_router(heads(routes))
    return made.routes
