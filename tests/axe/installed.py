"""axe-core, as `package-lock.json` names it: what finds barriers in pages."""

import shutil
import subprocess
from pathlib import Path

from filelock import FileLock

HERE = Path(__file__).parent
SOURCE = HERE / "node_modules" / "axe-core" / "axe.min.js"


class NoAxeError(Exception):
    """axe-core is missing: install Node.js, then `npm ci` in tests/axe"""


def source() -> str:
    """The script. Raises NoAxeError."""
    # Runs beside this one may do the same.
    with FileLock(HERE / ".installing"):
        npm = shutil.which("npm")
        if not SOURCE.is_file() and npm:
            command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
            subprocess.run(command, cwd=HERE, capture_output=True)
    if not SOURCE.is_file():
        raise NoAxeError
    return SOURCE.read_text()
