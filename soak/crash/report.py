"""What a run came to, in words."""

from collections.abc import Iterator

from soak.crash.run import Outcome

#: What went wrong is told so often at most.
SHOWN = 20


def lines(outcome: Outcome) -> Iterator[str]:
    """The counts, one to a line; then what went wrong."""
    ledger, verdict = outcome.ledger, outcome.verdict
    said = {
        f"rounds, seed {outcome.seed}": outcome.rounds,
        "seconds": round(outcome.seconds),
        "stores: whole, cut, refused": _three(ledger.stores),
        "retrievals: whole, cut, refused": _three(ledger.retrievals),
        "under way where a server was killed": dict(sorted(outcome.interrupted.items())),
        "instances sent, acknowledged": f"{len(ledger.sent)}, {len(ledger.acknowledged)}",
        "never acknowledged, of which are held": f"{len(ledger.doubtful)}, {verdict.doubtful_held}",
        "rows, objects": f"{verdict.rows}, {verdict.objects}",
        "acknowledged and lost": verdict.lost,
        "foreign, damaged, twice": f"{verdict.foreign}, {verdict.damaged}, {verdict.twice}",
        "wrong counts, servers that disagree": f"{verdict.miscounted}, {verdict.disagreeing}",
        "found by check --deep, by audit verify": f"{verdict.found_by_check}, {verdict.audit_broken}",
        "wrong answers": len(ledger.wrong),
    }
    yield from (f"{name:<40}{value}" for name, value in said.items())
    yield from ledger.wrong[:SHOWN]


def _three(counts: dict[str, int]) -> str:
    return ", ".join(str(counts[name]) for name in ("whole", "cut", "refused"))
