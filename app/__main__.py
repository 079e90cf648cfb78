"""`python -m app` is the `readingroom` command."""

from app.cli import app

# A decoding process reads this module too, under another name.
if __name__ == "__main__":
    app()
