"""What became of the instances of a store request: the Store Instances Response module (PS3.18 Annex I)."""

from collections.abc import Iterable
from dataclasses import dataclass
from textwrap import wrap
from typing import Any

from app.dicom.description import Json
from app.dicom.resource import Resource

_LONGEST_UID = 64
_LONGEST_COMMENT = 64


@dataclass(frozen=True, slots=True)
class Stored:
    """An instance that was kept; comments go with a warning reason (`validation.WARNING_REASONS`)."""

    resource: Resource
    sop_class_uid: str
    warning_reason: int | None = None
    comments: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Failed:
    """A part that was not kept. UIDs are None where it did not say; `tag` is of the attribute at fault."""

    failure_reason: int
    comment: str = ""
    sop_class_uid: str | None = None
    sop_instance_uid: str | None = None
    tag: int | None = None


Outcome = Stored | Failed


def render(study_url: str | None, base_url: str, outcomes: Iterable[Outcome]) -> Json:
    """The response data set as DICOM JSON.

    `base_url` is the DICOMweb root. Retrieve URL is `study_url`, or that of the study in which everything was
    kept; empty where there are several or none (Table I.1-1). Parts of which no SOP Instance UID is known are
    in Other Failures Sequence.
    """
    outcomes = list(outcomes)
    stored = [outcome for outcome in outcomes if isinstance(outcome, Stored)]
    failed = [outcome for outcome in outcomes if isinstance(outcome, Failed)]
    studies = {outcome.resource.study for outcome in stored}
    if study_url is None and len(studies) == 1:
        study_url = f"{base_url}/{Resource(studies.pop()).path}"
    return {
        "00081190": _element("UR", study_url if stored else None),
        **_sequence("00081198", [_failure(outcome) for outcome in failed if outcome.sop_instance_uid]),
        **_sequence("00081199", [_reference(outcome, base_url) for outcome in stored]),
        **_sequence("0008119A", [_reason(outcome) for outcome in failed if not outcome.sop_instance_uid]),
    }


def _reference(outcome: Stored, base_url: str) -> Json:
    item = _sop(outcome.sop_class_uid, outcome.resource.instance)
    item["00081190"] = _element("UR", f"{base_url}/{outcome.resource.path}")
    if outcome.warning_reason is not None:
        item["00081196"] = _element("US", outcome.warning_reason)
        item |= _sequence("00741048", [each for comment in outcome.comments for each in _comments(comment)])
    return item


def _failure(outcome: Failed) -> Json:
    return {**_sop(outcome.sop_class_uid, outcome.sop_instance_uid), **_reason(outcome)}


def _reason(outcome: Failed) -> Json:
    reason = {"00081197": _element("US", outcome.failure_reason)}
    if outcome.comment:
        reason |= _sequence("00741048", _comments(outcome.comment, outcome.tag))
    return reason


def _comments(comment: str, tag: int | None = None) -> list[Json]:
    """Items of Failed Attributes Sequence: what is wrong, and with which attribute (PS3.3 Table 10-20).

    Error Comment is an LO: a longer sentence goes on in the next item.
    """
    attribute = {} if tag is None else {"00720026": _element("AT", f"{tag:08X}")}
    return [{"00000902": _element("LO", line)} | attribute for line in wrap(comment, _LONGEST_COMMENT)]


def _sop(sop_class_uid: str | None, sop_instance_uid: str | None) -> Json:
    return {
        "00081150": _element("UI", _legible(sop_class_uid)),
        "00081155": _element("UI", _legible(sop_instance_uid)),
    }


def _legible(uid: str | None) -> str | None:
    """A UID as it was sent, valid or not, so that its sender knows it again; at most as long as a UID."""
    return "".join(filter(str.isprintable, uid))[:_LONGEST_UID] if uid else None


def _element(vr: str, value: Any) -> Json:
    return {"vr": vr} if value is None or value == "" else {"vr": vr, "Value": [value]}


def _sequence(key: str, items: list[Json]) -> Json:
    return {key: {"vr": "SQ", "Value": items}} if items else {}
