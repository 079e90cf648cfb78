"""A package as small as can be that has one of everything that OHIF's has."""

import tarfile
from io import BytesIO
from pathlib import Path

PAGE = (
    '<!doctype html><html><head><script>window.PUBLIC_URL="/"</script>'
    '<link href="/app.bundle.css" rel="stylesheet"><script src="/app-config.js"></script>'
    '<script defer src="/app.bundle.0123456789abcdef.js"></script></head></html>'
)
FILES = {
    "package/LICENSE": b"MIT",
    "package/package.json": b"{}",
    "package/dist/index.html": PAGE.encode(),
    "package/dist/app-config.js": b"window.config = {};",
    "package/dist/app.bundle.0123456789abcdef.js": b'x;\n__webpack_require__.p = "/";\n' + b"y" * 4096,
    "package/dist/12.bundle.fedcba9876543210.js": b"z" * 4096,
    "package/dist/0123456789abcdef.wasm": b"\0asm" + b"\0" * 4096,
    "package/dist/app.bundle.css": b"@font-face{src:url(/0123456789abcdef.woff2)}",
    "package/dist/manifest.json": b'{"icons": [{"src": "/assets/a.png"}]}',
    "package/dist/assets/a.png": b"\x89PNG",
    "package/dist/app.bundle.0123456789abcdef.js.map": b"{}",
    "package/dist/sw.js": b"importScripts('https://elsewhere.example/x.js')",
    "package/dist/ort/ort.wasm": b"\0asm",
    "package/dist/../../escaped.js": b"out",
}


def tarball(path: Path, files: dict[str, bytes] = FILES) -> Path:
    """The package, written to `path`; with a link in it that leads out of the folder."""
    with tarfile.open(path, "w:gz") as tar:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, BytesIO(data))
        link = tarfile.TarInfo("package/dist/link.js")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(link)
    return path
