"""What a run needs but does not find is named at its end; with READINGROOM_REQUIRE=all it fails instead."""

import os
from collections.abc import Generator
from typing import Any, NoReturn, TypeVar

import pytest

Report = TypeVar("Report", pytest.TestReport, pytest.CollectReport)

REQUIRE_ALL = os.environ.get("READINGROOM_REQUIRE") == "all"


def lacking(reason: str) -> NoReturn:
    """End this test, or this module's, for want of a component; the one way by which a test is left out."""
    # Not silently: what follows names it at the end of the run, and fails it where everything is required.
    pytest.skip(reason, allow_module_level=True)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    return _required(report)


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    return _required(report)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Name every missing component once, with the number of tests that went without it."""
    reasons = [_reason(report) for report in terminalreporter.stats.get("skipped", [])]
    if reasons:
        terminalreporter.section("missing here, so not tested", sep="-", yellow=True)
        for reason in sorted(set(reasons)):
            terminalreporter.line(f"{reasons.count(reason):5} x {reason}")


def _required(report: Report) -> Report:
    # An expected failure is reported as skipped too, and nothing is missing there.
    if REQUIRE_ALL and report.skipped and not hasattr(report, "wasxfail"):
        report.longrepr = f"missing, and READINGROOM_REQUIRE=all: {_reason(report)}"
        report.outcome = "failed"
    return report


def _reason(report: pytest.TestReport | pytest.CollectReport) -> str:
    place = report.longrepr
    reason = place[2] if isinstance(place, tuple) else str(place)
    return str(reason).removeprefix("Skipped: ")
