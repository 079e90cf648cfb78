"""The record of a run, beside what it wrote: log, certificate, quarantine, and how far it came."""

import csv
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import orjson

from app.deid.policy import Policy
from app.deid.report import Certificate, Summary
from app.submitter.work import Done


class Record:
    """The folder of a run's record; but for names of files, only `quarantine` holds values of the source."""

    def __init__(self, folder: Path, policy: Policy) -> None:
        self._folder = folder
        self.quarantine = folder / "quarantine"
        self.held = folder / "to-decide"
        self.certificate = Certificate(policy)
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        # It tells a run that was killed early from a folder of somebody else.
        self._journal.touch()
        self._reasons: list[tuple[str, str]] = []

    def finished(self) -> dict[str, dict[str, Any]]:
        """What earlier runs finished, by the trace of each source; a line that a kill cut off is left out."""
        rows = (_row(line) for line in self._journal.read_bytes().splitlines())
        return {row["source"]: row for row in rows if row}

    def skipped(self, row: Mapping[str, Any]) -> None:
        """An instance that an earlier run finished."""
        said = row["summary"]
        self.certificate.counted(
            Summary(tuple(map(tuple, said["changed"])), tuple(said["questions"]), tuple(said["unknown"]))
        )
        self._reasons += [(row["name"], reason) for reason in row["reasons"]]

    def done(self, done: Iterable[tuple[str, str, Done]]) -> None:
        """Instances that are on disk now, each with its source's trace and the mark of what made it."""
        log, journal = [], []
        for source, mark, one in done:
            self._put_aside(one)
            if one.written is None or one.summary is None:
                continue
            self.certificate.counted(one.summary)
            log += [orjson.dumps({"source": source, **_change(change)}) for change in one.changes]
            journal.append(orjson.dumps(_finished(source, mark, one)))
        _append(self._folder / "log.jsonl", log)
        _append(self._journal, journal)

    def refused(self, path: Path, reason: str) -> None:
        """A file that gives no output."""
        self._reasons.append((str(path), reason))

    def close(self) -> int:
        """Write the certificate and the list of reasons; how many things a person has to look at."""
        (self._folder / "certificate.json").write_bytes(
            orjson.dumps(self.certificate.to_json(), option=orjson.OPT_INDENT_2)
        )
        (self._folder / "certificate.html").write_text(self.certificate.to_html(), "utf-8")
        with (self._folder / "reasons.csv").open("w", newline="", encoding="utf-8") as file:
            csv.writer(file, lineterminator="\n").writerows([("file", "reason"), *sorted(self._reasons)])
        return len(self._reasons)

    @property
    def _journal(self) -> Path:
        return self._folder / "journal.jsonl"

    def _put_aside(self, one: Done) -> None:
        self._reasons += [(str(one.source), reason) for reason in one.reasons]
        if one.document or one.written is None:
            self.quarantine.mkdir(exist_ok=True, mode=0o700)
            shutil.copyfile(
                one.source, self.quarantine / f"{len(list(self.quarantine.iterdir())) + 1:06}.dcm"
            )


def _finished(source: str, mark: str, one: Done) -> dict[str, Any]:
    summary = asdict(one.summary) if one.summary else {}
    return {
        "source": source,
        "mark": mark,
        "name": str(one.source),
        "target": str(one.written),
        "reasons": one.reasons,
        "summary": summary,
    }


def _change(change: Any) -> dict[str, str]:
    return {
        "path": change.within + change.attribute,
        "action": change.action,
        "rule": change.rule,
        "trace": change.trace,
    }


def _row(line: bytes) -> dict[str, Any] | None:
    try:
        row = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    return row if isinstance(row, dict) else None


def _append(path: Path, lines: list[bytes]) -> None:
    if lines:
        with path.open("ab") as file:
            file.write(b"\n".join(lines) + b"\n")
