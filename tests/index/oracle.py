"""A slow matcher over plain values, written from PS3.4 C.2.2.2 and PS3.18 8.3.4 without a look at ours."""

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

STUDY, SERIES, INSTANCE = "study", "series", "instance"
Values = Mapping[str, Any]
Address = tuple[str, ...]


@dataclass(frozen=True)
class SeriesRow:
    """One series revision with all below and above it; `study` is shared by the rows of one study row."""

    collection: int
    unit: int
    live: bool
    study: Values
    series: Values
    instances: tuple[Values, ...] = ()
    requests: tuple[Values, ...] = ()


@dataclass(frozen=True)
class Asked:
    """A search: keys by keyword, with values as they stand in the request, decoded."""

    level: str
    address: tuple[str | None, str | None]
    keys: Mapping[str, str] = field(default_factory=dict)
    fuzzy: bool = False
    collection: int | None = None
    units: frozenset[int] | None = None


def answer(archive: Sequence[SeriesRow], asked: Asked) -> list[Address]:
    """The addresses of all results, in order."""
    seen = _seen(archive, asked)
    rows = {STUDY: _study_rows, SERIES: _series_rows, INSTANCE: _instance_rows}[asked.level](seen)
    found = [row for row in rows if _inside(row, asked.address) and _matches(row, asked, seen)]
    found.sort(key=lambda row: _place(row, asked))
    return [_address(row, asked.level) for row in found]


def counts(archive: Sequence[SeriesRow], asked: Asked, study: str) -> tuple[list[str], int, int]:
    """Modalities, series and instances of a study, as far as they are seen."""
    seen = [row for row in _seen(archive, asked) if row.study["StudyInstanceUID"] == study]
    series = [row for row, _ in _series_rows(seen)]
    modalities = sorted({_text(row.series.get("Modality")) for row in series} - {""})
    return modalities, len(series), len(list(_instance_rows(seen)))


Row = tuple[SeriesRow, Values | None]


def _seen(archive: Sequence[SeriesRow], asked: Asked) -> list[SeriesRow]:
    return [
        row
        for row in archive
        if row.live
        and asked.collection in (None, row.collection)
        and (asked.units is None or row.unit in asked.units)
    ]


def _first(rows: Iterable[tuple[Address, Row]]) -> list[Row]:
    first: dict[Address, Row] = {}
    for address, row in rows:
        first.setdefault(address, row)
    return list(first.values())


def _study_rows(seen: Sequence[SeriesRow]) -> list[Row]:
    return _first(((row.study["StudyInstanceUID"],), (row, None)) for row in seen)


def _series_rows(seen: Sequence[SeriesRow]) -> list[Row]:
    return _first((_address((row, None), SERIES), (row, None)) for row in seen)


def _instance_rows(seen: Sequence[SeriesRow]) -> list[Row]:
    return _first((_address((row, each), INSTANCE), (row, each)) for row in seen for each in row.instances)


def _address(row: Row, level: str) -> Address:
    series, instance = row
    address = [series.study["StudyInstanceUID"]]
    if level != STUDY:
        address.append(series.series["SeriesInstanceUID"])
    if level == INSTANCE and instance:
        address.append(instance["SOPInstanceUID"])
    return tuple(address)


def _inside(row: Row, address: tuple[str | None, str | None]) -> bool:
    return all(asked in (None, own) for asked, own in zip(address, _address(row, SERIES), strict=True))


def _place(row: Row, asked: Asked) -> tuple[Any, ...]:
    series, instance = row
    if asked.level == STUDY:
        date, time = _date(series.study.get("StudyDate")), _time(series.study.get("StudyTime"))
        newest = (-int(date or 0), -(time[0] if time else -1))
        return (*newest, series.study["StudyInstanceUID"])
    own = instance or series.series
    number = own.get("InstanceNumber" if instance else "SeriesNumber")
    uid = own["SOPInstanceUID" if instance else "SeriesInstanceUID"]
    return ((number is None, number or 0) if asked.address[0] else (), uid)


def _matches(row: Row, asked: Asked, seen: Sequence[SeriesRow]) -> bool:
    series, instance = row
    own: dict[str, Any] = {**series.study, **series.series, **(instance or {})}
    keys = {keyword: value for keyword, value in asked.keys.items() if value.strip(" *")}
    requests = {keyword: value for keyword, value in keys.items() if "." in keyword}
    if requests and not any(_item_matches(item, requests) for item in series.requests):
        return False
    if "ModalitiesInStudy" in keys:
        study = [each for each in seen if each.study["StudyInstanceUID"] == own["StudyInstanceUID"]]
        modalities = [_text(each.series.get("Modality")) for each, _ in _series_rows(study)]
        wanted = re.split(r"[,\\]", keys["ModalitiesInStudy"])
        if not any(_like(each, pattern.strip()) for each in modalities for pattern in wanted):
            return False
    if _both_ranges(keys):
        if not _moment_matches(own, keys["StudyDate"], keys["StudyTime"]):
            return False
        keys = {key: value for key, value in keys.items() if key not in ("StudyDate", "StudyTime")}
    plain = {key: value for key, value in keys.items() if "." not in key and key != "ModalitiesInStudy"}
    return all(_key_matches(key, own.get(key), value, asked.fuzzy) for key, value in plain.items())


def _item_matches(item: Values, keys: Mapping[str, str]) -> bool:
    return all(_like(_text(item.get(key.partition(".")[2])), value.strip(" ")) for key, value in keys.items())


def _key_matches(keyword: str, own: Any, value: str, fuzzy: bool) -> bool:
    if keyword.endswith("Name") and keyword not in ("ProtocolName", "ManufacturerModelName"):
        return _name_matches(own or "", value, fuzzy)
    if keyword.endswith("UID"):
        return own in [uid.strip() for uid in re.split(r"[,\\]", value)]
    if "Date" in keyword:
        return _date_matches(own, value)
    if "Time" in keyword:
        return _time_matches(own, value)
    if isinstance(own, int) or keyword in ("SeriesNumber", "InstanceNumber", "Rows", "NumberOfFrames"):
        return own is not None and own == int(value)
    return _like(_text(own), value.strip(" "))


def _text(own: Any) -> str:
    return unicodedata.normalize("NFC", str(own or "")).strip(" ")


def _like(own: str, pattern: str, wild: Callable[[str], str] = re.escape) -> bool:
    """Whole match; a missing value matches nothing but `*`."""
    if not pattern.strip("*"):
        return True
    forms = {"*": ".*", "?": "."}
    return bool(own) and bool(
        re.fullmatch("".join(forms.get(each, wild(each)) for each in pattern), own, re.DOTALL)
    )


def _date(own: Any) -> str | None:
    text = _text(own)
    for form in ("%Y%m%d", "%Y.%m.%d"):
        if len(text) == len(datetime(2000, 1, 1).strftime(form)):
            try:
                return datetime.strptime(text, form).strftime("%Y%m%d")
            except ValueError:
                continue
    return None


def _time(own: Any) -> tuple[int, int] | None:
    """The first and last microsecond of the day that a time with its precision may mean."""
    match = re.fullmatch(r"(\d\d)(?::?(\d\d)(?::?(\d\d)(?:\.(\d{1,6}))?)?)?", _text(own))
    if not match:
        return None
    hour, minute, second, fraction = match.groups()
    if int(hour) > 23 or int(minute or 0) > 59 or int(second or 0) > 60:
        return None
    whole = int(hour) * 3600 + int(minute or 0) * 60 + int(second or 0)
    first = whole * 10**6 + int((fraction or "").ljust(6, "0"))
    open_for = 3600 if not minute else 60 if not second else 1
    length = open_for * 10**6 if not fraction else 10 ** (6 - len(fraction))
    return first, first + length - 1


def _ends(value: str) -> tuple[str, str]:
    low, _, high = value.partition("-")
    return (low.strip(), high.strip()) if "-" in value else (value.strip(), value.strip())


def _date_matches(own: Any, value: str) -> bool:
    date, (low, high) = _date(own), _ends(value)
    if date is None:
        return False
    return (not low or date >= str(_date(low))) and (not high or date <= str(_date(high)))


def _time_matches(own: Any, value: str) -> bool:
    time, (low, high) = _time(own), _ends(value)
    if time is None:
        return False
    first, last = _time(low), _time(high)
    return (not first or time[0] >= first[0]) and (not last or time[0] <= last[1])


def _both_ranges(keys: Mapping[str, str]) -> bool:
    """Both are ranges, and each end of the times has a day to belong to."""
    date, time = keys.get("StudyDate", ""), keys.get("StudyTime", "")
    if "-" not in date or "-" not in time:
        return False
    return all(day or not moment for day, moment in zip(_ends(date), _ends(time), strict=True))


def _moment_matches(own: Values, dates: str, times: str) -> bool:
    date, time = _date(own.get("StudyDate")), _time(own.get("StudyTime"))
    if date is None:
        return False
    (first_day, last_day), (first_time, last_time) = _ends(dates), _ends(times)
    low, high = _date(first_day), _date(last_day)
    if (low and date < low) or (high and date > high):
        return False
    first, last = _time(first_time), _time(last_time)
    if first and date == low and (time is None or time[0] < first[0]):
        return False
    return not (last and date == high and (time is None or time[0] > last[1]))


def _fold(group: str) -> str:
    folded = unicodedata.normalize("NFC", unicodedata.normalize("NFD", group).casefold())
    return "^".join(component.strip(" ") for component in folded.split("^")).rstrip("^")


def _name_matches(own: str, value: str, fuzzy: bool) -> bool:
    if fuzzy and _words_match(own, value):
        return True
    groups = [*map(_fold, own.split("=")), "", ""][:3]
    asked = [_fold(group) for group in value.split("=")]
    if "=" not in value:
        return any(_group_matches(group, asked[0]) for group in groups)
    return all(
        _group_matches(group, pattern) for group, pattern in zip(groups, asked, strict=False) if pattern
    )


def _group_matches(group: str, pattern: str) -> bool:
    """A name may leave its last components away: they are empty then (PS3.5 section 6.2.1)."""
    if pattern.startswith("*") and not pattern.strip("*^"):
        return True
    if not pattern or not group:
        return not pattern
    forms = {"*": ".*", "?": "[^\x1f]", "^": "[\x1f^]"}
    regex = "".join(forms.get(each, re.escape(each)) for each in pattern)
    return any(re.fullmatch(regex, group + "\x1f" * absent, re.DOTALL) for absent in range(9))


def _words_match(own: str, value: str) -> bool:
    words, asked = _words(own), _words(value)
    return bool(asked) and all(any(word.startswith(each) for word in words) for each in asked)


def _words(text: str) -> list[str]:
    plain = unicodedata.normalize("NFKD", text.casefold())
    letters = "".join(each for each in plain if not unicodedata.combining(each))
    return [word for word in re.split(r"[\W_]+", letters) if word]
