"""Whether all dates of a patient moved by the same number of days, and nothing but the day changed."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from tests.deid.judge.cases import Case
from tests.deid.judge.paths import find, text, values
from tests.deid.key import Action, Check

_SECONDS = 86_400
#: Days; what is further away is a dummy, no shift.
MOST = 36_525
_INTEGERS = {"SL", "UL", "IS", "SV"}
#: How each directive of a form looks in a text.
_LOOKS = {"%Y": r"\d{4}", "%m": r"\d{2}", "%d": r"\d{1,2}", "%B": "[A-Za-z]+", "%b": "[A-Za-z]+"}


@dataclass(frozen=True, slots=True)
class Moved:
    """A date that still stands, and whether it is the one that its patient's shift makes of the old one."""

    check: Check
    right: bool


def shifts(cases: Iterable[Case]) -> dict[str, int]:
    """The days that each patient's studies moved by: what most say; none for 0, and for one without dates."""
    found: dict[str, Counter[int]] = {}
    for case in cases:
        old, new = _day(case.before.get("StudyDate")), _day(case.after and case.after.get("StudyDate"))
        if old and new and abs((new - old).days) <= MOST:
            found.setdefault(case.patient, Counter())[(new - old).days] += 1
    return {patient: days.most_common(1)[0][0] for patient, days in found.items()}


def intervals(checks: Iterable[Check], cases: dict[str, Case], moved: dict[str, int]) -> Iterator[Moved]:
    """Every date of the key that still stands."""
    for check in checks:
        case = cases[check.instance]
        if check.action is not Action.DATE_SHIFTED or case.after is None:
            continue
        before, after = find(case.before, check.path), find(case.after, check.path)
        if before is None or after is None or not text(after):
            continue
        days = moved.get(check.patient, 0)
        if check.form:
            yield from _in_text(check, text(after), days)
        elif after.VR in _INTEGERS:
            yield Moved(check, bool(days) and text(after) == str(int(check.text) + days * _SECONDS))
        else:
            place = values(before).index(check.text)
            yield Moved(check, _same(check.text, values(after), place, days))


def _in_text(check: Check, new: str, days: int) -> Iterator[Moved]:
    """Where a date of this form is in the text still, it is the right one."""
    looks = re.sub(
        "|".join(_LOOKS), lambda match: _LOOKS[match[0]], re.escape(check.form).replace("\\%", "%")
    )
    if re.search(looks, new):
        old = datetime.strptime(check.text, check.form).date()
        yield Moved(check, bool(days) and any(each in new for each in _written(old + timedelta(days), check)))


def _written(day: date, check: Check) -> Iterator[str]:
    """As it may stand for the old one: `May` is in full and in short, 18 a day with or without 0."""
    forms = {check.form, *((check.form.replace("%b", "%B"),) if "May" in check.text else ())}
    forms |= {form.replace("%B", "%b") for form in forms if "May" in check.text}
    for form in forms:
        yield f"{day:{form}}"
        yield f"{day:{form.replace('%d', '%-d')}}"


def _same(old: str, new: list[str], place: int, days: int) -> bool:
    """Moved by so many days; the time, its fraction and its zone as they were, at its place among several."""
    if place >= len(new) or not days:
        return False
    was, became = _day(old), _day(new[place])
    return bool(was and became) and became - was == timedelta(days) and new[place][8:].rstrip() == old[8:]


def _day(value: object) -> date | None:
    try:
        return datetime.strptime(str(value)[:8], "%Y%m%d").replace(tzinfo=UTC).date()
    except ValueError:
        return None
