"""Is the process up, can it do its work, how is it doing: for supervisors, balancers and Prometheus."""

import asyncio
from collections.abc import Awaitable
from hmac import compare_digest

import structlog
from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from app import metrics
from app.archive import Archive
from app.errors import NotSignedIn
from app.logs import told
from app.routers.api import problems
from app.routers.dependencies import AnArchive
from app.routers.gauges import gauges
from app.routers.problems import problem
from app.threads import in_thread

log = structlog.get_logger("readingroom")
router = APIRouter(tags=["health"])

#: A machine that takes longer to answer its probe counts as one that does not.
PATIENCE = 5.0


@router.get("/healthz", summary="Is the process up")
async def healthz() -> Response:
    """200 while the process answers at all."""
    return JSONResponse({"status": "up"}, headers={"Cache-Control": "no-store"})


@router.get("/readyz", summary="Can it answer requests", responses={503: {"description": "Not now"}})
async def readyz(archive: AnArchive) -> Response:
    """200 where the database and the store answer; else 503, naming in `unavailable` which does not."""
    probes = {"database": archive.database.ping(), "store": archive.store.check()}
    answers = await asyncio.gather(*(_answers(name, probe) for name, probe in probes.items()))
    silent = [name for name, answered in zip(probes, answers, strict=True) if not answered]
    headers = {"Cache-Control": "no-store"}
    if silent:
        detail = f"No answer from: {', '.join(silent)}."
        return problem(503, detail, {**headers, "Retry-After": "5"}, unavailable=silent)
    return JSONResponse({"status": "ready"}, headers=headers)


@router.get("/metrics", summary="Metrics for Prometheus", response_class=Response, responses=problems(401))
async def prometheus(request: Request) -> Response:
    """Counts and times of requests, database and store, of all workers together; with `metrics_token`, or in
    local mode, also of what is done in the background on all machines.
    """
    # Not as a dependency: what a process counts it tells whatever else is wrong with it.
    archive: Archive | None = getattr(request.app.state, "archive", None)
    known = archive is not None and _may_know(archive, request.headers.get("authorization", ""))
    text = await in_thread(metrics.text, await gauges(archive) if archive and known else ())
    return Response(text, headers={"Cache-Control": "no-store"}, media_type=metrics.CONTENT_TYPE)


def _may_know(archive: Archive, authorization: str) -> bool:
    """Whether who asks may know of the background. Raises NotSignedIn where they may know nothing."""
    token = archive.settings.metrics_token
    if token is None:
        return archive.settings.local_mode
    expected = f"Bearer {token.get_secret_value()}"
    if not compare_digest(authorization.encode(), expected.encode()):
        raise NotSignedIn
    return True


async def _answers(name: str, probe: Awaitable[object]) -> bool:
    try:
        await asyncio.wait_for(probe, PATIENCE)
    except Exception as error:
        # Whatever is wrong with it, it cannot be relied on; the log says what.
        log.warning("probe failed", machine=name, **told(error))
        return False
    return True
