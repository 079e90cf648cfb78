"""Long work in turns: a slice at a time, with room between two for whoever needs only a moment."""

import asyncio

from app.turns import Turns


async def _work(turns: Turns, name: str, slices: int, done: list[str]) -> None:
    for place in range(slices):
        await turns.take(begins=place == 0)
        done.append(name)


async def test_who_has_begun_goes_on_before_others_begin() -> None:
    turns, done = Turns(), list[str]()
    await asyncio.gather(*(_work(turns, name, 3, done) for name in "abc"))
    assert "".join(done) == "aaabbbccc"


async def test_between_two_slices_is_room_for_a_short_request() -> None:
    turns, done = Turns(), list[str]()
    working = [asyncio.create_task(_work(turns, "a", 4, done)) for _ in range(3)]
    seen: list[int] = []
    for _ in range(40):
        await asyncio.sleep(0)
        seen.append(len(done))
    assert 3 < seen[-1] < 12
    assert all(after == before + 1 for before, after in zip(seen, seen[4:], strict=False) if after > before)
    await asyncio.gather(*working)


async def test_who_gives_up_takes_no_turn() -> None:
    turns, done = Turns(), list[str]()
    first, second, third = (asyncio.create_task(_work(turns, name, 1, done)) for name in "abc")
    await asyncio.sleep(0)
    second.cancel()
    await asyncio.gather(first, third)
    assert done == ["a", "c"]
    assert second.cancelled()


async def test_a_turn_comes_again_after_all_have_had_theirs() -> None:
    turns, done = Turns(), list[str]()
    await _work(turns, "a", 1, done)
    await asyncio.sleep(0.01)
    await _work(turns, "b", 1, done)
    assert done == ["a", "b"]
