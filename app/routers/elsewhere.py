"""Sending a client on to the store itself, for one instance as it lies there."""

from fastapi import Request, Response

from app.routers.counted import ELSEWHERE, INSTANCES
from app.services import redirects
from app.services.plan import Plan
from app.services.root import Root

#: Nobody may keep the address: who has it gets the instance, whoever they are.
_HEAD = {"Cache-Control": "no-store", "Accept-Ranges": "bytes"}


async def sent_on(request: Request, root: Root, plan: Plan) -> Response | None:
    """The answer that sends on to a plan's one instance; None where the archive is to send it itself."""
    # An address is signed for one method: a HEAD is answered here.
    link = await redirects.link(root, plan) if request.method == "GET" else None
    if link is None:
        return None
    plan.close()
    request.scope.update({INSTANCES: 1, ELSEWHERE: plan.parts[0].content.size})
    return Response(status_code=307, headers={**_HEAD, "Location": link})
