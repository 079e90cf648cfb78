"""Putting together the metadata of large series, so that they are read in few pieces: jobs (`index.pieces`).

What a version brings is put together after it was published; a standing job looks for what was left.
"""

from functools import partial

from sqlalchemy import Connection

from app import jobs
from app.archive import Archive
from app.index import locate, named, pieces
from app.index.pieces import Piece
from app.index.tables import SERIES
from app.jobs import Job
from app.threads import in_thread

JOB, STANDING = "series-metadata", "series-metadata-left"
#: Seconds after which the standing job looks again.
REST = 24 * 3600.0


def published(connection: Connection, collection: int, version: int) -> None:
    """Ask for it in the transaction that publishes, where the version has large series."""
    if pieces.lacking_of(connection, collection, version):
        place = {"collection": collection, "version": version}
        jobs.enqueue(connection, JOB, f"{JOB}:{collection}:{version}", **place)


async def carry_out(archive: Archive, job: Job) -> None:
    """Put together what a version brought."""
    place = job.arguments["collection"], job.arguments["version"]
    series = await archive.database.scan(lambda connection: pieces.lacking_of(connection, *place))
    for count, row in enumerate(series, 1):
        await _keep(archive, job, row, count, len(series))


async def carry_out_left(archive: Archive, job: Job) -> float:
    """Put together what was left, in all of the archive, and take away what is not so any more."""
    last = await archive.database.scan(partial(named.last, table=SERIES))
    for after in range(0, last + 1, pieces.WINDOW):
        stale = await archive.database.scan(partial(pieces.stale, after=after))
        if stale:
            await archive.database.write(partial(pieces.drop, series=stale))
        for row in await archive.database.scan(partial(pieces.lacking, after=after)):
            await _keep(archive, job, row, row, last)
    await archive.database.write(lambda connection: jobs.tell(connection, job, last, last))
    return REST


async def _keep(archive: Archive, job: Job, series: int, done: int, total: int) -> None:
    """The pieces of one series, with how far the job is."""
    rows = await archive.database.scan(partial(locate.of_series, series=series))
    made: list[Piece] = []
    for some, _ in pieces.runs(rows):
        described = await archive.database.scan(
            partial(locate.descriptions, rows=[each.row for each in some])
        )
        made.append(await in_thread(pieces.make, some, [described[each.row] for each in some]))

    def write(connection: Connection) -> None:
        jobs.tell(connection, job, done, total)
        pieces.put(connection, series, made)

    await archive.database.write(write)
