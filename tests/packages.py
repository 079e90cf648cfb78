"""Packages of Node.js that tests run, as the `package-lock.json` beside them names them."""

import shutil
import subprocess
from pathlib import Path

from filelock import FileLock


def installed(folder: Path, name: str) -> Path | None:
    """Where the package lies, fetched if it is not there yet; None where it cannot be."""
    found, npm = folder / "node_modules" / name, shutil.which("npm")
    # Runs beside this one may do the same.
    with FileLock(folder / ".installing"):
        if not found.is_dir() and npm:
            command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
            subprocess.run(command, cwd=folder, capture_output=True)
    return found if found.is_dir() else None
