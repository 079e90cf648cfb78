"""The OHIF viewer, where it was fetched: `/viewer` looks at the whole archive, each collection has its own.

Its files are the same for everyone and hold nothing of the archive; what it shows, it asks DICOMweb for.
"""

from html import escape
from mimetypes import types_map
from pathlib import PurePosixPath
from urllib.parse import quote, urlsplit

from fastapi import APIRouter, Request, Response
from fastapi.responses import FileResponse

from app.archive import Archive
from app.errors import InvalidToken, NotFound
from app.ohif.config import script
from app.ohif.contents import GZIP, PAGE, Asset, Contents, installed
from app.routers import sign_in
from app.routers.addresses import public_url
from app.routers.credentials import LINK_TOKEN
from app.routers.dependencies import AnArchive, get_caller
from app.routers.traces import template
from app.services.sign_in import may_look
from app.wire import coding, conditional

router = APIRouter(include_in_schema=False)

CONFIG = "app-config.js"
#: Codecs are WebAssembly that makes functions from text; volumes are drawn by workers; pictures and documents
#: come from memory. Nothing comes from, or goes to, another origin.
POLICY = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self' 'unsafe-eval'",
        "worker-src 'self' blob:",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' blob: data:",
        "font-src 'self' data:",
        "connect-src 'self' blob: data:",
        "frame-src 'self' blob:",
        "object-src 'self' blob:",
        "base-uri 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
#: Workers run isolated only where the page is; with that they share memory, which makes volumes load faster.
ISOLATED = {"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp"}
HEADERS = {"Content-Security-Policy": POLICY, **ISOLATED}
#: The system's own table of types differs from machine to machine.
TYPES = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".json": "application/json",
    ".webapp": "application/manifest+json",
    ".wasm": "application/wasm",
    ".woff2": "font/woff2",
    ".svg": "image/svg+xml",
    ".ico": "image/vnd.microsoft.icon",
}
LASTING, CHECKED = "public, max-age=31536000, immutable", "no-cache"


@router.get("/viewer")
@router.get("/viewer/{name:path}")
async def viewer(request: Request, archive: AnArchive, name: str = "") -> Response:
    """A file of the viewer, its configuration, or the page for every other address."""
    contents = installed(archive.settings.viewer)
    if contents is None:
        raise NotFound("The viewer is not installed here: `make viewer` fetches it.")
    if name == CONFIG:
        return _made(_config(request, archive), TYPES[".js"])
    if name != PAGE and (asset := contents.assets.get(name)):
        return _asset(request, contents, name, asset)
    if name != PAGE and "." in PurePosixPath(name).name:
        raise NotFound
    return await _before(request, archive) or _made(
        _page(request, archive, contents), "text/html; charset=utf-8"
    )


async def _before(request: Request, archive: Archive) -> Response | None:
    """What comes before the page: the exchange of a link's token, or signing in."""
    if link := request.scope.get(LINK_TOKEN):
        return await sign_in.follow(request, archive, link)
    # Another token in the address is the viewer's own business.
    if not archive.settings.for_browsers or "token" in request.query_params:
        return None
    try:
        caller = await get_caller(request)
    except InvalidToken:
        return sign_in.to_sign_in(request, archive)
    looks = await may_look(archive, caller, request.path_params.get("collection"))
    return None if looks else sign_in.to_sign_in(request, archive)


def _config(request: Request, archive: Archive) -> bytes:
    home, here = _addresses(request, archive)
    return script(f"{home}/viewer/", f"{here}/viewer", f"{here}/dicom-web")


def _page(request: Request, archive: Archive, contents: Contents) -> bytes:
    home, here = (escape(address) for address in _addresses(request, archive))
    page = contents.page().replace(f"@/{CONFIG}", f"{here}/viewer/{CONFIG}")
    return page.replace('"@/', f'"{home}/viewer/').encode()


def _addresses(request: Request, archive: Archive) -> tuple[str, str]:
    """The paths, as this caller sees them, of the archive and of the part of it that is looked at."""
    home = urlsplit(public_url(request, archive)).path
    part = (template(request.scope) or "").partition("/viewer")[0]
    named = {name: quote(value, safe="") for name, value in request.path_params.items()}
    return home, home + part.format_map(named)


def _made(body: bytes, media_type: str) -> Response:
    return Response(body, headers={**HEADERS, "Cache-Control": CHECKED}, media_type=media_type)


def _asset(request: Request, contents: Contents, name: str, asset: Asset) -> Response:
    chosen = _coding(request) if asset.gzip else coding.IDENTITY
    tag = conditional.etag(asset.digest, chosen)
    headers = {**HEADERS, "ETag": tag, "Cache-Control": LASTING if asset.lasting else CHECKED}
    if asset.gzip:
        headers["Vary"] = "Accept-Encoding"
    if chosen != coding.IDENTITY:
        headers["Content-Encoding"] = chosen
    if conditional.if_none_match(request.headers.get("if-none-match"), tag):
        # With all its headers: a browser puts those of a 304 over those it holds.
        return Response(status_code=304, headers=headers)
    path = contents.folder / (name + GZIP if chosen != coding.IDENTITY else name)
    return FileResponse(path, headers=headers, media_type=_type(name))


def _coding(request: Request) -> str:
    return coding.choose(request.headers.get("accept-encoding"), coding.WORTHWHILE, ("gzip",))


def _type(name: str) -> str:
    suffix = PurePosixPath(name).suffix
    return TYPES.get(suffix) or types_map.get(suffix, "application/octet-stream")
