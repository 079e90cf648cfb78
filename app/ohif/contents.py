"""The viewer's folder: which names may be served from it, and what a browser needs to know of each.

`contents.json` is written last and names every servable file, so that a name leads to a file only where it is
listed, and a folder without it is no viewer.
"""

from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path

import orjson

CONTENTS = "contents.json"
PAGE = "index.html"
#: Beside a name, the same bytes compressed beforehand.
GZIP = ".gz"


@dataclass(frozen=True, slots=True)
class Asset:
    """One file: its bytes' digest, whether it lies there compressed too, and whether it never changes."""

    digest: str
    gzip: bool
    lasting: bool


@dataclass(frozen=True, slots=True)
class Contents:
    """An installed viewer: its folder, its version, and its assets by name (relative, with `/`)."""

    folder: Path
    version: str
    assets: dict[str, Asset]

    def page(self) -> str:
        """The one HTML page, with `@/` where the viewer's address belongs."""
        return (self.folder / PAGE).read_text(encoding="utf-8")


def installed(folder: Path) -> Contents | None:
    """The viewer in this folder, or None where there is none (yet)."""
    try:
        changed = (folder / CONTENTS).stat().st_mtime_ns
        return _read(folder, changed)
    except OSError:
        return None


def write(contents: Contents) -> None:
    """Make the folder a viewer."""
    assets = {name: asdict(asset) for name, asset in contents.assets.items()}
    listed = orjson.dumps({"version": contents.version, "assets": assets}, option=orjson.OPT_INDENT_2)
    (contents.folder / CONTENTS).write_bytes(listed)


@lru_cache(maxsize=4)
def _read(folder: Path, _changed: int) -> Contents:
    listed = orjson.loads((folder / CONTENTS).read_bytes())
    assets = {name: Asset(**asset) for name, asset in listed["assets"].items()}
    return Contents(folder, listed["version"], assets)
