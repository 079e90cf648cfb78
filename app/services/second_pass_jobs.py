"""The job by which a closed submission is gone through a second time."""

from sqlalchemy import Connection

from app import jobs
from app.archive import Archive
from app.jobs import Job
from app.registry import deidentification
from app.registry.submissions import Submission

JOB = "second-pass"


def ask(connection: Connection, submission: Submission) -> None:
    """Have a submission gone through, in the transaction that closes it."""
    deidentification.wait(connection, submission.id)
    key = f"{JOB}:{submission.id}"
    jobs.enqueue(connection, JOB, key, submission.person_id, submission=submission.key)


async def carry_out(archive: Archive, job: Job) -> None:
    """Go through it."""
    # Only here: what a server never does it does not load.
    from app.services import second_pass

    await second_pass.carry_out(archive, str(job.arguments["submission"]))
