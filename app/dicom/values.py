"""Values in the one form in which they are matched: whoever stores and whoever asks both come here.

Each function is idempotent, and none fails: what has no such form gives the empty value.
"""

import re
import unicodedata
from datetime import date as calendar_date
from datetime import datetime, timedelta

_DATE = re.compile(r"([0-9]{4})(\.?)([0-9]{2})\2([0-9]{2})")
_TIME = re.compile(r"([0-9]{2})(?:(:?)([0-9]{2})(?:\2([0-9]{2})(?:\.([0-9]*))?)?)?")
_MOMENT = re.compile(
    r"(?P<year>[0-9]{4})(?:(?P<month>[0-9]{2})(?:(?P<day>[0-9]{2})"
    r"(?P<time>[0-9]{2}(?:[0-9]{2}(?:[0-9]{2}(?:\.[0-9]{1,6})?)?)?)?)?)?"
    r"(?P<offset>[+-](?:0[0-9]|1[0-4])[0-5][0-9])?"
)
_WORD = re.compile(r"[^\W_]+")


def text(value: object) -> str:
    """A value as text without padding, in NFC; the empty string for None (PS3.5 section 6.2)."""
    if value is None:
        return ""
    plain = str(value).replace("\0", "")
    return (plain if plain.isascii() else unicodedata.normalize("NFC", plain)).strip(" ")


def date(value: str) -> str:
    """A DA value as `YYYYMMDD`, empty where it is not a day; `1997.04.24` is the form of ACR-NEMA 300."""
    match = _DATE.fullmatch(text(value))
    if not match:
        return ""
    year, _, month, day = match.groups()
    return year + month + day if _is_day(int(year), int(month), int(day)) else ""


def time(value: str) -> str:
    """A TM value of any precision as `HHMMSS.ffffff`, empty where it is not a time; takes `10:15:30` as well.

    A second of 60 is a leap second and stays (PS3.5 table 6.2-1); digits beyond the microsecond are cut off.
    """
    match = _TIME.fullmatch(text(value))
    if not match:
        return ""
    hour, _, minute, second, fraction = (group or "" for group in match.groups())
    if hour > "23" or minute > "59" or second > "60":
        return ""
    return f"{hour}{minute:0<2}{second:0<2}.{fraction[:6]:0<6}"


def moment(value: str) -> str:
    """A DT value of any precision as `YYYYMMDDHHMMSS.ffffff`, in UTC where it names its offset.

    Empty where it is not a moment. Without an offset it stays as it stands.
    """
    match = _MOMENT.fullmatch(text(value))
    if not match:
        return ""
    day = date(f"{match['year']}{match['month'] or '01'}{match['day'] or '01'}")
    clock = time(match["time"] or "00")
    if not day or not clock:
        return ""
    return _in_utc(day, clock, match["offset"]) if match["offset"] else day + clock


def person_name(value: str) -> tuple[str, str, str]:
    """The alphabetic, ideographic and phonetic component group of one PN value, each folded for matching.

    Folded: without regard to case, in NFC, without padding of components and without empty ones at the end
    (PS3.5 section 6.2.1). Wildcards pass untouched.
    """
    groups = [_components(group) for group in text(value).split("=")]
    alphabetic, ideographic, phonetic = [*groups, "", ""][:3]
    return alphabetic, ideographic, phonetic


def words(value: str) -> str:
    """The words of a name for fuzzy matching, without case and accents: ` muller jurgen `, empty when none.

    A space stands before and behind each word, so that ` jur` finds a word that begins so.
    """
    found = _WORD.findall(_plain(text(value)))
    return f" {' '.join(found)} " if found else ""


def _in_utc(day: str, clock: str, offset: str) -> str:
    """The moment without its offset."""
    minutes = int(offset[1:3]) * 60 + int(offset[3:])
    local = datetime.strptime(day + clock[:4], "%Y%m%d%H%M")
    try:
        utc = local - timedelta(minutes=minutes if offset[0] == "+" else -minutes)
    except OverflowError:
        return ""
    return f"{utc.year:04}{utc:%m%d%H%M}{clock[4:]}"


def _is_day(year: int, month: int, day: int) -> bool:
    try:
        calendar_date(year, month, day)
    except ValueError:
        return False
    return True


def _components(group: str) -> str:
    folded = unicodedata.normalize("NFC", unicodedata.normalize("NFD", group).casefold())
    return "^".join(component.strip(" ") for component in folded.split("^")).rstrip("^")


def _plain(value: str) -> str:
    folded = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", value).casefold())
    return "".join(character for character in folded if not unicodedata.category(character).startswith("M"))
