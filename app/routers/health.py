"""Is the process up, can it do its work, how is it doing: for supervisors, balancers and Prometheus."""

import asyncio
from collections.abc import Awaitable

import structlog
from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse

from app.logs import told
from app.routers import metrics
from app.routers.dependencies import AnArchive
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


@router.get("/metrics", summary="Metrics for Prometheus", response_class=Response)
async def prometheus() -> Response:
    """Counts and times by route, method and status class, of all workers together."""
    text = await in_thread(metrics.text)
    return Response(text, headers={"Cache-Control": "no-store"}, media_type=metrics.CONTENT_TYPE)


async def _answers(name: str, probe: Awaitable[object]) -> bool:
    try:
        await asyncio.wait_for(probe, PATIENCE)
    except Exception as error:
        # Whatever is wrong with it, it cannot be relied on; the log says what.
        log.warning("probe failed", machine=name, **told(error))
        return False
    return True
