"""Facts to status codes: the one place where an error becomes HTTP (RFC 9457 problem+json)."""

from http import HTTPStatus
from typing import Any

import orjson
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.routing import Match

from app import errors
from app.routers.responses import CACHING

#: What a route may answer (RFC 9110 section 9.1), as Allow lists them.
METHODS = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")

#: Each fact's status code and the headers it always carries. Subclasses inherit their parent's.
STATUS: dict[type[errors.Fact], tuple[int, dict[str, str]]] = {
    errors.NotModified: (304, CACHING),
    errors.InvalidRequest: (400, {}),
    errors.InvalidInstance: (400, {}),
    errors.InvalidPolicy: (400, {}),
    errors.NotSignedIn: (401, {"WWW-Authenticate": 'Bearer realm="Reading Room"'}),
    errors.InvalidToken: (
        401,
        {"WWW-Authenticate": 'Bearer realm="Reading Room", error="invalid_token"'},
    ),
    errors.Forbidden: (403, {}),
    errors.NotFound: (404, {}),
    errors.Conflict: (409, {}),
    errors.TooMany: (429, {}),
    errors.Gone: (410, {}),
    errors.NotAcceptable: (406, {}),
    errors.CannotDecode: (406, {}),
    errors.CannotEncode: (406, {}),
    errors.PreconditionFailed: (412, {}),
    errors.TooLarge: (413, {}),
    errors.UnsupportedMediaType: (415, {}),
    errors.RangeNotSatisfiable: (416, {}),
    errors.ProviderUnavailable: (503, {"Retry-After": "5"}),
    errors.StoreUnavailable: (503, {"Retry-After": "5"}),
    errors.KeyUnavailable: (503, {"Retry-After": "60"}),
    errors.DatabaseUnavailable: (503, {"Retry-After": "5"}),
}


def problem(status: int, detail: str, headers: dict[str, str] | None = None, **more: Any) -> Response:
    """A problem+json response; `more` are further members of the problem."""
    title = HTTPStatus(status).phrase
    body = {"type": "about:blank", "title": title, "status": status, "detail": detail, **more}
    return Response(orjson.dumps(body), status, headers, media_type="application/problem+json")


async def answer_fact(_: Request, fact: Exception) -> Response:
    """The response for a fact; one without a row in STATUS is our own fault."""
    if not isinstance(fact, errors.Fact):
        raise fact
    status, headers = status_of(fact)
    match fact:
        case errors.NotModified(etag=tag):
            return Response(status_code=status, headers={**headers, "ETag": tag})
        case errors.NotAcceptable(offered=offered) if offered:
            return problem(status, fact.detail, headers, offered=offered)
        case errors.RangeNotSatisfiable(size=size):
            return problem(status, fact.detail, {**headers, "Content-Range": f"bytes */{size}"})
    return problem(status, fact.detail, headers, **fact.more)


def status_of(fact: errors.Fact) -> tuple[int, dict[str, str]]:
    """A fact's status code and headers; one without a row in STATUS is our own fault, and raised."""
    known = next((STATUS[kind] for kind in type(fact).__mro__ if kind in STATUS), None)
    if known is None:
        raise fact
    status, headers = known
    if isinstance(fact, errors.TooMany):
        headers = {**headers, "Retry-After": str(fact.allowance.wait)}
    if isinstance(fact, errors.TooMany | errors.InvalidToken) and fact.allowance:
        headers = {**headers, **rate_limit(fact.allowance)}
    return status, headers


def rate_limit(allowance: errors.Allowance) -> dict[str, str]:
    """RateLimit-Policy and RateLimit (draft-ietf-httpapi-ratelimit-headers)."""
    policy, most, seconds, left, wait = allowance
    return {
        "RateLimit-Policy": f'"{policy}";q={most};w={seconds}',
        "RateLimit": f'"{policy}";r={left};t={wait}',
    }


async def answer_http(request: Request, error: Exception) -> Response:
    """The framework's own errors (unknown path, wrong method) in the same form."""
    assert isinstance(error, HTTPException)
    headers = dict(error.headers or {})
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        headers["Allow"] = ", ".join(allowed(request))
    return problem(error.status_code, str(error.detail), headers)


def allowed(request: Request) -> list[str]:
    """The methods of every route at the request's path; the framework names those of one, or none."""
    return [method for method in METHODS if _answers({**request.scope, "method": method}, request)]


def _answers(scope: dict[str, Any], request: Request) -> bool:
    return any(route.matches(scope)[0] is Match.FULL for route in request.app.routes)


async def answer_validation(_: Request, error: Exception) -> Response:
    """A JSON body or parameter of the wrong shape: 400 that names the fields, never their values."""
    assert isinstance(error, RequestValidationError)
    wrong = [".".join(str(part) for part in each["loc"]) + ": " + each["msg"] for each in error.errors()]
    # The name of a field that is none comes from the client: half a character, perhaps.
    return problem(400, "; ".join(wrong).encode(errors="replace").decode())


def install(app: FastAPI) -> None:
    """Make `app` answer every error as a problem."""
    app.add_exception_handler(errors.Fact, answer_fact)
    app.add_exception_handler(HTTPException, answer_http)
    app.add_exception_handler(RequestValidationError, answer_validation)
