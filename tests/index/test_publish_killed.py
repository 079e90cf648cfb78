"""Whoever is killed while they publish leaves the old version or the new one, whole."""

import random
import subprocess
import sys
import time

from sqlalchemy import Connection

from app.index import writer
from app.index.scope import Scope
from app.index.writer import Place
from app.registry import versions
from tests.index.test_publish import Filled, Held

SERIES_COUNT, EACH, ROUNDS = 30, 10, 6
#: Publishes the submission, and says when it begins and that it is done.
CHILD = """
import asyncio, sys
from app.database import Database
from app.index import publish
from app.registry import versions

async def main(url, collection, submission):
    database = await Database.open(url)
    def write(connection):
        print("begun", flush=True)
        number = versions.begin(connection, collection)
        publish.publish(connection, collection, number, [submission])
        versions.add(connection, collection, number, "", "child")
    await database.write(write)
    print("done", flush=True)

asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
"""


async def test_a_killed_publication_leaves_one_version_or_the_other(database, database_url) -> None:
    filled = await database.write(Filled)
    seconds, past = 0.5, []
    for number in range(1, ROUNDS + 1):
        held = _held(f"version {number}")
        submission = await database.write(lambda connection, h=held: _put(connection, filled, h))
        # The first one is left to end, to learn how long it takes.
        took = _publish(database_url, filled, submission, random.uniform(0, seconds) if past else None)
        seconds = took if not past else seconds
        await _wait_for_the_server(database, filled)
        latest = await database.lookup(lambda connection: versions.begin(connection, filled.collection) - 1)
        assert latest in (number - 1, number)
        live = held if latest == number else past[-1]
        await database.lookup(lambda connection, h=live: filled.check(connection, filled.scope(), h))
        if latest < number:
            await database.lookup(lambda c, s=submission, h=held: filled.check(c, Scope(submission=s), h))
            await database.write(lambda connection, s=submission: filled.publish(connection, [s]))
        past.append(held)
        for each, whole in enumerate(past, 1):
            await database.lookup(lambda c, e=each, w=whole: filled.check(c, filled.scope(e), w))


def _held(content: str) -> Held:
    return {
        (f"1.{each}", f"1.{each}.1", f"1.{each}.1.{number}"): content
        for each in range(SERIES_COUNT)
        for number in range(EACH)
    }


def _put(connection: Connection, filled: Filled, held: Held) -> int:
    submission = filled.submission(connection)
    place = Place(filled.collection, filled.units[0], submission)
    writer.upsert(connection, place, [filled.entry(uids, content) for uids, content in held.items()])
    return submission


def _publish(url: str, filled: Filled, submission: int, kill_after: float | None) -> float:
    """Publish in a process that is killed after so many seconds; how long it took from when it began."""
    command = [sys.executable, "-c", CHILD, url, str(filled.collection), str(submission)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout
        assert child.stdout.readline() == "begun\n"
        begun = time.monotonic()
        if kill_after is None:
            assert child.wait(60) == 0
        else:
            time.sleep(kill_after)
            child.kill()
            child.wait(60)
        return time.monotonic() - begun


async def _wait_for_the_server(database, filled: Filled) -> None:
    """Until the killed process's transaction is over: PostgreSQL notices a moment later."""
    await database.write(lambda connection: versions.begin(connection, filled.collection))
