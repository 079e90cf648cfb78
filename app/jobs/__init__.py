"""Durable background jobs over one table, on SQLite and PostgreSQL (decision 2026-11-22)."""

from app.jobs.rows import JOB, Job, enqueue, get, page, tell
from app.jobs.tallies import Ended, Queued, ended, queued
from app.jobs.worker import Body, Worker

__all__ = [
    "JOB",
    "Body",
    "Ended",
    "Job",
    "Queued",
    "Worker",
    "ended",
    "enqueue",
    "get",
    "page",
    "queued",
    "tell",
]
