"""A look at a folder before it is sent: what would go, is unknown, looks like identifiers, is invalid."""

from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from secrets import token_bytes
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from app.deid import engine
from app.deid.engine import Rules
from app.deid.identity import KEY_BYTES, Keyed
from app.deid.policy import PatientIds, Policy
from app.deid.report import Certificate
from app.deid.text import Identifiers
from app.deid.walk import Change
from app.dicom import validation
from app.dicom.describe import describe
from app.errors import Fact
from app.submitter import survey
from app.submitter.survey import Seen, Unreadable

Bar = Callable[[Iterable[Any], str, int], Iterable[Any]]
#: Texts that were cleaned tell where people write what identifies.
_MOST_LINES = 40


def analysed(source: Path, policy: Policy, bar: Bar) -> dict[str, Any]:
    """The report as members of a JSON object; it holds no value of the source but names of files."""
    files = survey.files(source)
    looked = [survey.look(path) for path in bar(files, "Looking", len(files))]
    seen = [each for each in looked if isinstance(each, Seen)]
    # Nothing leaves this process: any key does.
    rules = Rules(policy, Keyed(token_bytes(KEY_BYTES), PatientIds(), policy.dates))
    certificate, suspicious, invalid = Certificate(policy), Counter[str](), Counter[str]()
    patients = survey.of_patients(seen)
    for each in bar(seen, "Judging", len(seen)):
        _judge(each, rules, patients[each.patient], certificate, suspicious, invalid)
    unreadable = {str(each.path): each.reason for each in looked if isinstance(each, Unreadable)}
    return {
        "files": len(files),
        "patients": len(patients),
        "studies": len({each.study for each in seen}),
        "series": len({each.series for each in seen}),
        "unreadable": unreadable,
        "looks like identifiers": dict(suspicious.most_common()),
        "invalid": dict(invalid.most_common()),
        **certificate.to_json(),
    }


def said(report: dict[str, Any], console: Console) -> None:
    """The report for people."""
    console.print(
        f"{report['files']} files: {report['patients']} patients, {report['studies']} studies, "
        f"{report['series']} series, {report['instances']} instances; {len(report['unreadable'])} unreadable."
    )
    would = Counter[str]()
    for each in report["changed"]:
        would[f"{each['attribute']} {each['name']}: {each['action']}"] += each["times"]
    _print(console, "Would change", dict(would.most_common()))
    _print(console, "Nobody knows (removed)", report["unknown private attributes"])
    _print(console, "Looks like identifiers, in texts that stay", report["looks like identifiers"])
    _print(console, "For a person", report["for a person"])
    _print(console, "Invalid", report["invalid"])
    _print(console, "Unreadable", report["unreadable"])


def _judge(
    each: Seen,
    rules: Rules,
    identifiers: Identifiers,
    certificate: Certificate,
    suspicious: Counter[str],
    invalid: Counter[str],
) -> None:
    try:
        with survey.opened(each.path) as instance:
            result = engine.deidentify(instance, rules, rules.cleaner(each.patient, identifiers))
            certificate.add(result)
            suspicious.update({_where(change) for change in result.changes if change.action == "clean"})
            invalid.update(instance.warnings)
            refusal = validation.check(describe(instance.data))
            invalid.update([refusal.comment] if refusal else [])
    except Fact as fact:
        invalid[fact.detail] += 1


def _where(change: Change) -> str:
    return change.within + change.attribute


def _print(console: Console, head: str, rows: dict[str, Any]) -> None:
    if not rows:
        return
    table = Table(head, "", box=None, title_justify="left")
    for name, value in list(rows.items())[:_MOST_LINES]:
        table.add_row(escape(name), escape(str(value)))
    if len(rows) > _MOST_LINES:
        table.add_row(f"and {len(rows) - _MOST_LINES} more; see --json", "")
    console.print(table)
