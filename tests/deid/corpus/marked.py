"""Texts with marks: [what must go], <a date that moves>, ~a UID~; the rest must stay."""

import re
from dataclasses import dataclass
from datetime import date

_MARK = re.compile(r"\[(?P<goes>[^\]]*)\]|<(?P<date>\d{8}:[^>]*)>|~(?P<uid>[\d.]+)~")
#: Letters and digits that run into a mark may go with it.
_GLUED = re.compile(r"[^\W_]*(?:\0[^\W_]*)+")
#: How dates are written in texts.
FORMS = ("%Y-%m-%d", "%d.%m.%Y", "%m/%d/%Y", "%d %B %Y", "%d-%b-%Y", "%Y%m%d", "%b %d, %Y")


@dataclass(frozen=True, slots=True)
class Marked:
    """The text without its marks, and what they said; a date is its text and its form."""

    text: str
    goes: tuple[str, ...]
    dates: tuple[tuple[str, str], ...]
    uids: tuple[str, ...]
    stays: str


def day(when: date, form: str) -> str:
    """The mark of a date in this form."""
    return f"<{when:%Y%m%d}:{form}>"


def marked(text: str) -> Marked:
    """What a text with marks says."""
    found = list(_MARK.finditer(text))
    dates = tuple((_written(each["date"]), each["date"][9:]) for each in found if each["date"])
    return Marked(
        text=_MARK.sub(_plain, text),
        goes=tuple(each["goes"] for each in found if each["goes"]),
        dates=dates,
        uids=tuple(each["uid"] for each in found if each["uid"]),
        stays=" ".join(_GLUED.sub(" ", _MARK.sub("\0", text)).split()),
    )


def _plain(match: "re.Match[str]") -> str:
    return match["goes"] or match["uid"] or (_written(match["date"]) if match["date"] else "")


def _written(mark: str) -> str:
    when = date(int(mark[:4]), int(mark[4:6]), int(mark[6:8]))
    return when.strftime(mark[9:])
