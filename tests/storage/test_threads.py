import asyncio
import threading
import time

import pytest

from app.storage.threads import in_thread


async def test_gives_what_the_function_gives() -> None:
    assert await in_thread(divmod, 7, 2) == (3, 1)
    assert await in_thread(sorted, [2, 1], reverse=True) == [2, 1]
    assert await in_thread(threading.get_ident) != threading.get_ident()
    with pytest.raises(ZeroDivisionError):
        await in_thread(divmod, 7, 0)


@pytest.mark.parametrize("fails", [False, True])
async def test_a_cancelled_caller_waits_for_the_end(fails: bool) -> None:
    ended: list[bool] = []

    def work() -> None:
        time.sleep(0.05)
        ended.append(True)
        if fails:
            raise OSError

    working = asyncio.create_task(in_thread(work))
    await asyncio.sleep(0.01)
    working.cancel()
    await asyncio.sleep(0.01)
    working.cancel()
    with pytest.raises(asyncio.CancelledError):
        await working
    assert ended == [True]


async def test_a_time_limit_is_kept_late() -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await in_thread(time.sleep, 0.05)
