"""`python -m app` is the `readingroom` command."""

from app.cli import app

app()
