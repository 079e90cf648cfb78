"""axe-core, as `package-lock.json` names it: what finds barriers in pages."""

from pathlib import Path

from tests.packages import installed


class NoAxeError(Exception):
    """axe-core is missing: install Node.js, then `npm ci` in tests/axe"""


def source() -> str:
    """The script. Raises NoAxeError."""
    folder = installed(Path(__file__).parent, "axe-core")
    if not folder:
        raise NoAxeError
    return (folder / "axe.min.js").read_text()
