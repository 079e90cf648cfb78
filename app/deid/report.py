"""The certificate of a submission: what was removed, by attribute, action and rule, and no value of it."""

from collections import Counter
from dataclasses import dataclass, field
from html import escape
from typing import Any

from pydicom.datadict import dictionary_description

from app.deid.engine import Result
from app.deid.policy import Policy
from app.deid.standard import EDITION, KNOWLEDGE_EDITION

_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}"
    "table{border-collapse:collapse;width:100%}"
    "td,th{text-align:left;padding:.2rem .6rem;border-bottom:1px solid #ccc}"
    "td:last-child,th:last-child{text-align:right}"
    "@media(prefers-color-scheme:dark){body{background:#111;color:#eee}}"
)


@dataclass
class Certificate:
    """Counts over the instances of a submission."""

    policy: Policy
    instances: int = 0
    changed: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    questions: Counter[str] = field(default_factory=Counter)
    unknown: Counter[str] = field(default_factory=Counter)

    def add(self, result: Result) -> None:
        """Count one more instance."""
        self.counted(summary(result))

    def counted(self, one: "Summary") -> None:
        """Count one more instance by its summary."""
        self.instances += one.first
        self.changed.update(one.changed)
        self.questions.update(one.questions)
        self.unknown.update(one.unknown)

    def to_json(self) -> dict[str, Any]:
        """The certificate as members of a JSON object."""
        return {
            "policy": {
                "name": self.policy.name,
                "version": self.policy.version,
                "sha256": self.policy.digest,
            },
            "options": sorted(self.policy.options),
            "editions": {"PS3.15": EDITION, "private attributes": KNOWLEDGE_EDITION},
            "instances": self.instances,
            "changed": [
                {
                    "attribute": attribute,
                    "name": _name(attribute),
                    "action": action,
                    "rule": rule,
                    "times": times,
                }
                for (attribute, action, rule), times in sorted(self.changed.items())
            ],
            "for a person": dict(sorted(self.questions.items())),
            "unknown private attributes": dict(sorted(self.unknown.items())),
        }

    def to_html(self) -> str:
        """The certificate as a page that stands alone."""
        said = self.to_json()
        policy = f"{escape(self.policy.name)} {self.policy.version} (SHA-256 {self.policy.digest})"
        parts = [
            _table(
                ("Attribute", "Name", "Action", "Rule", "Times"),
                [list(row.values()) for row in said["changed"]],
            ),
            "<h2>For a person to decide</h2>",
            _table(("Question", "Instances"), said["for a person"].items()),
            "<h2>Private attributes that nobody knows</h2>",
            _table(("Attribute", "Instances"), said["unknown private attributes"].items()),
        ]
        return (
            '<!doctype html><html lang="en"><meta charset="utf-8"><title>What was removed</title>'
            f"<style>{_STYLE}</style><h1>What was removed</h1>"
            f"<p>{self.instances} instances, de-identified by the policy {policy}, "
            f"DICOM PS3.15 Annex E, edition {EDITION}.</p>{''.join(parts)}</html>\n"
        )


@dataclass(frozen=True)
class Summary:
    """What the certificate counts of one instance; small enough to be sent between processes."""

    changed: tuple[tuple[str, str, str], ...]
    questions: tuple[str, ...]
    unknown: tuple[str, ...]
    #: Whether the instance is counted by it: a second pass is of the same one.
    first: bool = True


def summary(result: Result) -> Summary:
    """One instance's."""
    changed = tuple({(each.attribute, each.action.value, each.rule) for each in result.changes})
    return Summary(changed, tuple(question.value for question in result.questions), tuple(result.unknown))


def _name(attribute: str) -> str:
    try:
        return dictionary_description(int(attribute[:8], 16))
    except (KeyError, ValueError):
        return ""


def _table(head: tuple[str, ...], rows: Any) -> str:
    cells = "".join(f"<tr>{''.join(f'<td>{escape(str(cell))}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><tr>{''.join(f'<th>{each}</th>' for each in head)}</tr>{cells}</table>"
