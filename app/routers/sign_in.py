"""The page to sign in, the way to the OpenID provider and back, and the way out."""

from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from app.access.addresses import own_path
from app.archive import Archive
from app.errors import Fact, InvalidRequest, InvalidToken, NotFound, TooLarge
from app.openid.journeys import TO_SIGN_IN, Journey
from app.registry import people
from app.routers.addresses import client_address, public_url
from app.routers.credentials import FOLLOWED, JOURNEY, SESSION, drop, held, hold, require_own_page
from app.routers.dependencies import AnArchive, get_caller
from app.routers.html import page
from app.routers.problems import status_of
from app.services import sign_in

router = APIRouter(include_in_schema=False)
#: What a form of three fields may take.
LARGEST = 16 << 10


@router.get("/sign-in")
async def ask(request: Request, archive: AnArchive) -> Response:
    """The page. Where there is one way only, and somewhere to go to, it is taken at once."""
    settings = archive.settings
    if not settings.for_browsers:
        raise NotFound
    wanted = request.query_params.get("next")
    if wanted and not settings.accounts and not held(request, archive, SESSION):
        return _forget(request, archive, await _depart(request, archive, wanted))
    try:
        name = await _name(request, archive)
    except InvalidToken:
        return _forget(request, archive, _page(request, archive, wanted))
    return _page(request, archive, wanted, name=name)


@router.post("/sign-in")
async def enter(request: Request, archive: AnArchive) -> Response:
    """Sign in with a name and a password."""
    require_own_page(request, archive)
    form = await _form(request)
    try:
        person = await sign_in.with_password(
            archive, form.get("name", ""), form.get("password", ""), client_address(request, archive)
        )
    except Fact as fact:
        return failed(request, archive, fact, form.get("next"))
    return await _let_in(request, archive, person, form.get("next", ""))


@router.get("/sign-in/provider")
async def depart(request: Request, archive: AnArchive) -> Response:
    """Go to the OpenID provider."""
    return await _depart(request, archive, request.query_params.get("next", ""))


@router.get("/sign-in/callback")
async def arrive(request: Request, archive: AnArchive) -> Response:
    """Come back from the OpenID provider."""
    provider, cookie = sign_in.provider(archive), held(request, archive, JOURNEY)
    journey = provider.unseal(cookie) if cookie else None
    try:
        if journey is None:
            raise InvalidToken("This sign-in took too long, or began in another browser: begin again.")
        back, query = _back(request, archive), request.query_params
        person = await sign_in.with_provider(archive, journey, query, back)
    except Fact as fact:
        answer = failed(request, archive, fact, journey.next if journey else None)
    else:
        answer = await _let_in(request, archive, person, journey.next)
    drop(request, archive, answer, JOURNEY)
    return answer


@router.post("/sign-out")
async def leave(request: Request, archive: AnArchive) -> Response:
    """Sign out; of a link first, while the browser holds one."""
    require_own_page(request, archive)
    answer = _to(f"{_home(request, archive)}/sign-in")
    name = FOLLOWED if held(request, archive, FOLLOWED) else SESSION
    if secret := held(request, archive, name):
        await sign_in.end(archive, secret)
    drop(request, archive, answer, name)
    return answer


def failed(request: Request, archive: Archive, fact: Fact, wanted: str | None = None) -> Response:
    """The page that says what went wrong, and how to begin again."""
    status, headers = status_of(fact)
    return _page(request, archive, wanted, fact.detail, status, headers)


def to_sign_in(request: Request, archive: Archive) -> Response:
    """Have the browser come back here once it is signed in."""
    return _to(f"{_home(request, archive)}/sign-in?{urlencode({'next': _here(request, archive)})}")


async def follow(request: Request, archive: Archive, link: str) -> Response:
    """Exchange a share link's token for a cookie, and have the browser come here again without it.

    Who only asks for the head does not open it: that may be done so many times.
    """
    answer = _to(_here(request, archive))
    if request.method == "HEAD":
        return answer
    try:
        session = await sign_in.follow(archive, link)
    except InvalidToken as fact:
        return failed(request, archive, fact)
    hold(request, archive, answer, FOLLOWED, session.secret, session.seconds)
    return answer


async def _depart(request: Request, archive: Archive, wanted: str) -> Response:
    provider, journey = sign_in.provider(archive), Journey.begin(_next(request, archive, wanted))
    try:
        answer = _to(await provider.departure(journey, _back(request, archive)))
    except Fact as fact:
        return failed(request, archive, fact, wanted)
    hold(request, archive, answer, JOURNEY, provider.seal(journey), TO_SIGN_IN)
    return answer


async def _let_in(request: Request, archive: Archive, person: int, wanted: str) -> Response:
    session = await sign_in.begin(archive, person, held(request, archive, SESSION))
    answer = _to(_next(request, archive, wanted))
    hold(request, archive, answer, SESSION, session.secret, session.seconds)
    drop(request, archive, answer, FOLLOWED)
    return answer


async def _form(request: Request) -> dict[str, str]:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST:
            raise TooLarge
    try:
        return dict(parse_qsl(body.decode("latin-1"), keep_blank_values=True, max_num_fields=10))
    except ValueError:
        raise InvalidRequest("The form has too many fields.") from None


async def _name(request: Request, archive: Archive) -> str | None:
    """Who is signed in."""
    caller = await get_caller(request)
    if not caller.signed_in:
        return None
    person = caller.person
    if person is None or caller.using.startswith("link:"):
        return "the bearer of a link" if caller.using.startswith("link:") else "the owner"
    found = await archive.database.lookup(lambda connection: people.get(connection, person))
    return found.name if found else None


def _page(
    request: Request,
    archive: Archive,
    wanted: str | None,
    said: str = "",
    status: int = 200,
    headers: dict[str, str] | None = None,
    name: str | None = None,
) -> Response:
    settings = archive.settings
    return page(
        "sign_in.html",
        status,
        headers,
        said=said,
        signed_in_as=name,
        home=_home(request, archive),
        next=_next(request, archive, wanted or ""),
        accounts=settings.accounts,
        provider=settings.oidc_name if settings.oidc_issuer else None,
    )


def _forget(request: Request, archive: Archive, answer: Response) -> Response:
    drop(request, archive, answer, SESSION, FOLLOWED)
    return answer


def _next(request: Request, archive: Archive, wanted: str) -> str:
    return own_path(wanted, f"{_home(request, archive)}/viewer")


def _here(request: Request, archive: Archive) -> str:
    """The path and query as the browser has them."""
    path, query = quote(request.scope["path"]), request.scope["query_string"].decode("latin-1")
    return _home(request, archive) + path + (f"?{query}" if query else "")


def _home(request: Request, archive: Archive) -> str:
    return urlsplit(public_url(request, archive)).path


def _back(request: Request, archive: Archive) -> str:
    return f"{public_url(request, archive)}/sign-in/callback"


def _to(address: str) -> Response:
    return RedirectResponse(address, 303, {"Cache-Control": "no-store"})
