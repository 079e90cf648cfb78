"""`readingroom` whose jobs are let go of soon by who dies: `python -m tests.short_leases serve …`."""

from app.cli import app
from app.jobs import Worker

#: Seconds that a lease lasts, and between two looks at the table.
LEASE, POLL = 6.0, 0.5

if __name__ == "__main__":
    Worker.__init__.__defaults__ = (LEASE, POLL, ())
    app()
