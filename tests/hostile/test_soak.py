"""A soak of seconds; `make soak` is the long one."""

import subprocess
import sys

from soak.requests import Script
from soak.seeds import corpus

COUNT = 400


def test_a_short_soak_breaks_nothing() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "soak", str(COUNT), "--seed", "7"], capture_output=True, text=True, timeout=280
    )
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert any(line.split() == ["5xx", "0"] for line in lines)
    assert any(line.split() == ["hangs", "0"] for line in lines)


def test_a_seed_always_sends_the_same() -> None:
    seeds = corpus()
    assert len(seeds) > 50
    first = [Script(5, seeds).request(number) for number in range(60)]
    assert first == [Script(5, seeds).request(number) for number in reversed(range(60))][::-1]
    assert first != [Script(6, seeds).request(number) for number in range(60)]
