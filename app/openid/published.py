"""What a provider publishes: its endpoints and its keys, fetched over HTTP and remembered."""

import asyncio
from dataclasses import dataclass
from time import monotonic
from typing import Any

import httpx
import orjson
import structlog

from app.errors import ProviderUnavailable
from app.logs import told

log = structlog.get_logger("readingroom")
CONFIGURATION = "/.well-known/openid-configuration"
#: Endpoints and keys are read again after this many seconds, for keys that are not known at most so often;
#: until there are any, so often.
LASTING, AGAIN, FIRST = 3600, 60, 1
LARGEST = 1 << 20

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Published:
    """A provider's endpoints, and its keys by their ids (RFC 7517); one without an id is called None."""

    endpoints: Json
    keys: dict[str | None, Json]


class Publications:
    """What one issuer publishes, as it was last read."""

    def __init__(self, issuer: str, http: httpx.AsyncClient) -> None:
        self._issuer = issuer
        self._http = http
        self._turn = asyncio.Lock()
        self._last: Published | None = None
        self._read_at = self._tried_at = float("-inf")

    async def latest(self) -> Published:
        """Its endpoints and keys, not much older than an hour. Raises ProviderUnavailable."""
        if self._last and monotonic() - self._read_at < LASTING:
            return self._last
        return await self._again()

    async def key(self, kid: str | None) -> Json | None:
        """The key of this id, which is looked up again where it is not known. Raises ProviderUnavailable."""
        known = (await self.latest()).keys
        if kid not in known and monotonic() - self._tried_at >= AGAIN:
            known = (await self._again()).keys
        if kid not in known and self._read_at < self._tried_at:
            # It may be a new one: the last attempt to see failed.
            raise ProviderUnavailable
        return known.get(kid)

    async def _again(self) -> Published:
        asked_at = monotonic()
        async with self._turn:
            # Who waited while another asked takes what that one got.
            if self._last and self._read_at >= asked_at:
                return self._last
            if monotonic() - self._tried_at < (AGAIN if self._last else FIRST):
                return self._kept()
            self._tried_at = monotonic()
            try:
                self._last = await self._read()
                self._read_at = monotonic()
            except ProviderUnavailable as error:
                log.warning("the OpenID provider does not answer", **told(error))
            return self._kept()

    def _kept(self) -> Published:
        if self._last is None:
            raise ProviderUnavailable
        return self._last

    async def _read(self) -> Published:
        endpoints = await fetch(self._http, self._issuer.rstrip("/") + CONFIGURATION)
        if endpoints.get("issuer") != self._issuer:
            raise ProviderUnavailable("The OpenID provider calls itself by another name: see oidc_issuer.")
        keys = (await fetch(self._http, str(endpoints.get("jwks_uri")))).get("keys")
        listed = [each for each in keys if isinstance(each, dict)] if isinstance(keys, list) else []
        return Published(endpoints, {each.get("kid"): each for each in listed if each.get("use") != "enc"})


async def fetch(http: httpx.AsyncClient, url: str, form: dict[str, str] | None = None, **more: Any) -> Json:
    """The JSON object at an address, which is sent the form where there is one.

    Raises ProviderUnavailable, and httpx.HTTPStatusError where the provider refuses (4xx).
    """
    try:
        async with http.stream("POST" if form else "GET", url, data=form, **more) as answer:
            body = b""
            async for chunk in answer.aiter_bytes():
                body += chunk
                if len(body) > LARGEST:
                    raise ProviderUnavailable("The OpenID provider sends too much.")
        if form and answer.is_client_error:
            answer.raise_for_status()
        found = orjson.loads(body) if answer.is_success else None
    except httpx.HTTPStatusError:
        raise
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        raise ProviderUnavailable from error
    if not isinstance(found, dict):
        raise ProviderUnavailable
    return found
