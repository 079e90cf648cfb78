"""The life of a request for access: what can be done with it in each state, by whom. A literal table."""

from datetime import datetime, timedelta
from enum import Enum
from typing import Literal

from app.errors import Conflict, Forbidden


class Who(Enum):
    """The two sides of a request. Nobody is both: who asks does not decide about it."""

    ASKER = "who asks for access"
    REVIEWER = "who owns the collection"


_ASKER, _REVIEWER, _EITHER = (Who.ASKER,), (Who.REVIEWER,), (Who.ASKER, Who.REVIEWER)
_DECISIONS = {
    "approve": (_REVIEWER, "approved"),
    "decline": (_REVIEWER, "declined"),
    "withdraw": (_ASKER, "withdrawn"),
}
#: By state and act: who may do it, and the state after it. To renew makes another request.
TRANSITIONS: dict[str, dict[str, tuple[tuple[Who, ...], str]]] = {
    "draft": {
        "change": (_ASKER, "draft"),
        "submit": (_ASKER, "submitted"),
        "withdraw": (_ASKER, "withdrawn"),
    },
    "submitted": {"ask": (_REVIEWER, "info_needed"), **_DECISIONS},
    "info_needed": {"change": (_ASKER, "info_needed"), "answer": (_ASKER, "submitted"), **_DECISIONS},
    "approved": {
        "revoke": (_REVIEWER, "revoked"),
        "renew": (_ASKER, "approved"),
        "close": (_EITHER, "closed"),
    },
    "declined": {},
    "withdrawn": {},
    "revoked": {},
    "closed": {},
}
STATES = tuple(TRANSITIONS)
#: The states in which something is still to be done before it is decided.
OPEN = ("draft", "submitted", "info_needed")
#: What is done only with words.
NEED_WORDS = ("ask", "decline", "revoke")
Status = Literal["future", "active", "expiring", "expired", "revoked"]
#: How long somebody has access whose request does not say, and when they are told that it ends.
GRANTED_FOR = timedelta(days=365)
EXPIRING = timedelta(days=30)


def possible(state: str, who: Who) -> list[str]:
    """What this side can do with a request in this state."""
    return [act for act, (may, _) in TRANSITIONS[state].items() if who in may]


def after(state: str, act: str, who: Who) -> str:
    """The state after the act. Raises Conflict in a wrong state, Forbidden for the wrong side."""
    if act not in TRANSITIONS[state]:
        can = possible(state, who)
        told = f"You can: {', '.join(can)}." if can else "Nothing more can be done with it."
        raise Conflict(f"The request is {state}. {told}", state=state, possible=can)
    may, then = TRANSITIONS[state][act]
    if who not in may:
        raise Forbidden(f"This is for {may[0].value}.", state=state, possible=possible(state, who))
    return then


def access(
    starts_at: datetime, ends_at: datetime | None, revoked_at: datetime | None, now: datetime
) -> Status:
    """What has become of a grant by this moment."""
    if revoked_at:
        return "revoked"
    if now < starts_at:
        return "future"
    if ends_at is None or now + EXPIRING < ends_at:
        return "active"
    return "expiring" if now < ends_at else "expired"
