"""Downloads that the store itself answers: one instance, as it is stored, to who may have it."""

from app.services.plan import Plan, Stored
from app.services.root import Root


async def link(root: Root, plan: Plan) -> str | None:
    """Where the store itself gives the one instance of this plan; None where it is sent from here.

    An address outlives the right to what is there by its seconds: what is not published yet gets none.
    """
    seconds = root.archive.settings.redirect_seconds
    if not seconds or plan.offer.multipart or root.scope.submission is not None:
        return None
    content = plan.parts[0].content
    return await content.store.link(content.key, seconds) if isinstance(content, Stored) else None
