"""The one way into threads: whoever is cancelled waits for the thread, and keeps its turn until then."""

import ast
import asyncio
import threading
import time
from contextvars import ContextVar
from pathlib import Path

import pytest
from anyio import CapacityLimiter

from app.threads import in_thread
from tests.live import until

APP = Path(__file__).parent.parent / "app"
#: Ways that leave the thread behind. Ended codec processes are reaped by nobody who waits.
OTHER_WAYS = {"to_thread", "run_in_executor"}
EXEMPT = {APP / "threads.py", APP / "codecs" / "workers.py"}


async def test_gives_what_the_function_gives() -> None:
    assert await in_thread(divmod, 7, 2) == (3, 1)
    assert await in_thread(sorted, [2, 1], reverse=True) == [2, 1]
    assert await in_thread(threading.get_ident) != threading.get_ident()
    with pytest.raises(ZeroDivisionError):
        await in_thread(divmod, 7, 0)


@pytest.mark.parametrize("fails", [False, True])
async def test_a_cancelled_caller_waits_for_the_end(fails: bool) -> None:
    ended: list[bool] = []
    go_on = threading.Event()

    def work() -> None:
        assert go_on.wait(60)
        ended.append(True)
        if fails:
            raise OSError

    working = asyncio.create_task(in_thread(work))
    for _ in range(2):
        await asyncio.sleep(0.01)
        working.cancel()
    await asyncio.sleep(0.01)
    assert not working.done()
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await working
    assert ended == [True]


async def test_a_time_limit_is_kept_late() -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await in_thread(time.sleep, 0.05)


async def test_a_limiter_holds_although_its_waiters_leave() -> None:
    limiter, lock, go_on = CapacityLimiter(2), threading.Lock(), threading.Event()
    running, most = 0, 0

    def work() -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        assert go_on.wait(60)
        with lock:
            running -= 1

    async def limited() -> None:
        async with limiter:
            await in_thread(work)

    waiting = []
    for _ in range(8):
        waiting.append(asyncio.create_task(limited()))
        # The first two have begun before they leave.
        await asyncio.sleep(0.005)
        await until(lambda: running == min(2, len(waiting)))
        waiting[-1].cancel()
    asyncio.get_running_loop().call_later(0.05, go_on.set)
    await asyncio.gather(*waiting, return_exceptions=True)
    await limited()
    assert most == 2


async def test_the_thread_knows_the_request() -> None:
    request = ContextVar("request", default="")
    request.set("r1")
    assert await in_thread(request.get) == "r1"


def test_there_is_no_other_way_into_threads() -> None:
    found = [
        f"{path}:{node.lineno}"
        for path in APP.rglob("*.py")
        if path not in EXEMPT
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if (isinstance(node, ast.Attribute) and node.attr in OTHER_WAYS)
        or (isinstance(node, ast.ImportFrom) and OTHER_WAYS & {each.name for each in node.names})
    ]
    assert found == []
