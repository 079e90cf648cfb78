"""OHIF's published build, fetched with npm, checked, cut down and made to live under any path."""

import re
import shutil
import subprocess
import tarfile
from base64 import b64encode
from collections.abc import Iterator
from gzip import compress
from hashlib import file_digest, sha256
from pathlib import Path
from tempfile import TemporaryDirectory

from app.errors import FetchFailed, Misconfigured
from app.ohif.contents import GZIP, PAGE, Asset, Contents, installed, write

NAME, VERSION = "@ohif/app", "3.13.2"
#: As npm states it: the SHA-512 of the package, so that no other bytes are ever served.
INTEGRITY = "sha512-WZdxmpmG7rqFgW9ZJLcbgr3XCtLi1KDNPoMaeY5PPe6j4G4fjEjjkycZM6C6Zk2F87BKxFfpq+jd5xXZB9E8EA=="
SECONDS_TO_FETCH = 900

_BUILD = "package/dist/"
_LICENSE = "package/LICENSE"
#: A model's runtime (139 MB); source maps; what loads scripts from elsewhere; hosts' own settings.
_LEFT_OUT = re.compile(
    r"ort/.*|.*\.map|sw\.js|google\.js|silent-refresh\.html|_headers|_redirects|serve\.json|app-config\.js"
)
#: A name with its content's hash in it stays what it is.
_HASHED = re.compile(r"(?:.*\.)?[0-9a-f]{16}\.\w+")
_COMPRESSIBLE = frozenset({".js", ".css", ".wasm", ".svg", ".json", ".ico"})
#: Below this many bytes compressing gains nothing.
_WORTHWHILE = 1024

#: The build believes it lives at `/`. Scripts are told where by the page, workers see it from their own
#: address; style sheets and the manifest name their neighbours; the page is filled in when it is sent.
_HOME = b'self.PUBLIC_URL || new URL(".", self.location.href).pathname'
_REWRITTEN: dict[str, tuple[tuple[re.Pattern[bytes], bytes], ...]] = {
    ".js": ((re.compile(rb'(__webpack_require__\.p = )"/"'), rb"\1" + _HOME),),
    ".css": ((re.compile(rb"url\(/"), b"url("),),
    ".json": ((re.compile(rb'"src": "/'), b'"src": "'),),
    # Scripts within the page would need 'unsafe-inline': app.ohif.config says what they said.
    ".html": ((re.compile(rb"<script>.*?</script>", re.DOTALL), b""), (re.compile(rb'="/'), b'="@/')),
}


def fetch(folder: Path) -> bool:
    """Put this version of the viewer into `folder`; False where it is there already.

    Raises Misconfigured where npm is missing or the folder holds something else, FetchFailed where what npm
    fetched is not the package, or nothing could be fetched. The folder then is what it was.
    """
    present = installed(folder)
    if present and present.version == VERSION:
        return False
    if present is None and folder.exists() and any(folder.iterdir()):
        raise Misconfigured(f"{folder} holds something other than the viewer: choose another folder.")
    npm = shutil.which("npm")
    if npm is None:
        raise Misconfigured(
            "npm is not here, so /viewer is left out: install Node.js, then run `make viewer`."
        )
    folder.parent.mkdir(parents=True, exist_ok=True)
    # Beside the folder, so that the finished one can be moved there in one step.
    with TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as scratch:
        package = pack(npm, Path(scratch))
        verify(package)
        unpack(package, Path(scratch) / "new")
        _replace(folder, Path(scratch))
    return True


def pack(npm: str, scratch: Path) -> Path:
    """The package as npm has it. Raises FetchFailed."""
    command = [npm, "pack", f"{NAME}@{VERSION}", "--ignore-scripts", "--pack-destination", str(scratch)]
    try:
        done = subprocess.run(  # noqa: S603  # our own words, and no shell
            command, cwd=scratch, capture_output=True, text=True, timeout=SECONDS_TO_FETCH, check=False
        )
    except subprocess.TimeoutExpired:
        raise FetchFailed(f"npm did not fetch {NAME} within {SECONDS_TO_FETCH} seconds.") from None
    found = list(scratch.glob("*.tgz"))
    if done.returncode or len(found) != 1:
        said = [line for line in done.stderr.splitlines() if "error" in line.lower()] or ["it says nothing"]
        raise FetchFailed(f"npm could not fetch {NAME}@{VERSION} ({said[0].strip()}).")
    return found[0]


def verify(package: Path) -> None:
    """Raises FetchFailed where these are not the bytes that this version of the archive was tested with."""
    with package.open("rb") as stream:
        digest = b64encode(file_digest(stream, "sha512").digest()).decode()
    if f"sha512-{digest}" != INTEGRITY:
        raise FetchFailed(f"What npm fetched is not {NAME}@{VERSION}: its SHA-512 differs.")


def unpack(package: Path, folder: Path) -> Contents:
    """Write the build's files, cut down and rewritten, into a new folder."""
    assets = {}
    for name, original in _members(package):
        data = rewrite(name, original)
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        small = path.suffix not in _COMPRESSIBLE or len(data) < _WORTHWHILE
        if not small:
            path.with_name(path.name + GZIP).write_bytes(compress(data, 6, mtime=0))
        # What was rewritten may be rewritten otherwise by a later version of the archive.
        lasting = data == original and bool(_HASHED.fullmatch(path.name))
        assets[name] = Asset(sha256(data).hexdigest()[:32], not small and name != PAGE, lasting)
    contents = Contents(folder, VERSION, assets)
    write(contents)
    return contents


def rewrite(name: str, data: bytes) -> bytes:
    """A file of the build with no address left in it that begins at `/`."""
    for pattern, replacement in _REWRITTEN.get(Path(name).suffix, ()):
        data = pattern.sub(replacement, data)
    return data


def _members(package: Path) -> Iterator[tuple[str, bytes]]:
    with tarfile.open(package, "r:gz") as tar:
        for member in tar:
            name = "LICENSE" if member.name == _LICENSE else member.name.removeprefix(_BUILD)
            if name == member.name or _LEFT_OUT.fullmatch(name) or ".." in name.split("/"):
                continue
            stream = tar.extractfile(member) if member.isreg() else None
            if stream:
                yield name, stream.read()


def _replace(folder: Path, scratch: Path) -> None:
    if folder.exists():
        folder.rename(scratch / "old")
    (scratch / "new").rename(folder)
