"""One OpenID provider: browsers are sent to it and come back with a code, machines bring its JWTs."""

from base64 import b64encode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import asdict
from hashlib import sha256
from hmac import compare_digest
from secrets import token_bytes
from time import time
from typing import Any, TypeGuard
from urllib.parse import quote, urlencode

import httpx
import jwt

from app.errors import InvalidToken
from app.openid.journeys import TO_SIGN_IN, Claimed, Journey
from app.openid.published import Publications, fetch
from app.settings import Settings

#: Signatures that only the provider can make: what it shares with us proves nothing.
ALGORITHMS = (
    *("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    *("ES256", "ES384", "ES512", "EdDSA"),
)
_TYPES = frozenset({"", "jwt", "at+jwt", "application/at+jwt"})
#: So far clocks may differ, in seconds; so long a provider may take to answer.
LEEWAY, TO_ANSWER = 30, 5
#: OpenID Connect Core 1.0 section 2.
LONGEST_SUBJECT = 255
_SCOPE = "openid profile email"


class Provider:
    """The provider that the settings name."""

    def __init__(self, settings: Settings) -> None:
        assert settings.oidc_issuer
        assert settings.oidc_client_id
        self.issuer, self._client = settings.oidc_issuer, settings.oidc_client_id
        self._audience = settings.oidc_audience or self._client
        secret = settings.oidc_client_secret or settings.log_key
        self._secret = settings.oidc_client_secret.get_secret_value() if settings.oidc_client_secret else ""
        # Any worker may meet the browser again: they share the key.
        shared = secret.get_secret_value().encode() if secret else token_bytes(32)
        self._key = sha256(b"journey" + shared).digest()
        self._http = httpx.AsyncClient(timeout=TO_ANSWER, headers={"Accept": "application/json"})
        self._publications = Publications(self.issuer, self._http)

    async def close(self) -> None:
        """Give back the connections."""
        await self._http.aclose()

    async def verify(self, token: str) -> Claimed:
        """Whom a Bearer token stands for. Raises InvalidToken, ProviderUnavailable."""
        return self._claimed(await self._decode(token, self._audience))

    async def departure(self, journey: Journey, redirect_uri: str) -> str:
        """The provider's address to which the browser is sent (RFC 7636). Raises ProviderUnavailable."""
        challenge = urlsafe_b64encode(sha256(journey.verifier.encode()).digest()).rstrip(b"=").decode()
        asked = {
            "response_type": "code",
            "client_id": self._client,
            "redirect_uri": redirect_uri,
            "scope": _SCOPE,
            "state": journey.state,
            "nonce": journey.nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        endpoint = str((await self._publications.latest()).endpoints.get("authorization_endpoint"))
        return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(asked)}"

    def seal(self, journey: Journey) -> str:
        """The journey as a cookie: signed, and good for ten minutes."""
        return jwt.encode({**asdict(journey), "exp": time() + TO_SIGN_IN}, self._key, "HS256")

    def unseal(self, cookie: str) -> Journey | None:
        """The journey in a cookie of ours."""
        try:
            said = jwt.decode(cookie, self._key, ["HS256"], {"require": ["exp"]})
            return Journey(*(str(said[name]) for name in Journey.__slots__))
        except (jwt.InvalidTokenError, KeyError):
            return None

    async def arrival(self, journey: Journey, query: Mapping[str, str], redirect_uri: str) -> Claimed:
        """Who came back from the provider. Raises InvalidToken, ProviderUnavailable."""
        same = compare_digest(query.get("state", "").encode(), journey.state.encode())
        # RFC 9207: the answer of another provider is none of ours.
        if not same or query.get("iss", self.issuer) != self.issuer or not query.get("code"):
            raise InvalidToken
        token = await self._exchange(query["code"], journey.verifier, redirect_uri)
        claims = await self._decode(token, self._client)
        if not compare_digest(str(claims.get("nonce")).encode(), journey.nonce.encode()):
            raise InvalidToken
        return self._claimed(claims)

    async def _exchange(self, code: str, verifier: str, redirect_uri: str) -> str:
        """The ID token for a code (RFC 6749 section 4.1.3)."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "code_verifier": verifier,
            "client_id": self._client,
        }
        endpoints = (await self._publications.latest()).endpoints
        methods = endpoints.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
        headers = {}
        if self._secret and "client_secret_basic" in methods:
            pair = f"{quote(self._client, safe='')}:{quote(self._secret, safe='')}"
            headers["Authorization"] = f"Basic {b64encode(pair.encode()).decode()}"
        elif self._secret:
            form["client_secret"] = self._secret
        try:
            said = await fetch(self._http, str(endpoints.get("token_endpoint")), form, headers=headers)
        except httpx.HTTPStatusError:
            raise InvalidToken("The provider does not confirm this sign-in: begin again.") from None
        return str(said.get("id_token"))

    async def _decode(self, token: str, audience: str) -> dict[str, Any]:
        try:
            header = jwt.get_unverified_header(token)
            algorithm, typ = header.get("alg"), str(header.get("typ", "")).lower()
            if algorithm not in ALGORITHMS or typ not in _TYPES:
                raise InvalidToken
            key = await self._publications.key(header.get("kid"))
            if key is None or key.get("alg", algorithm) != algorithm:
                raise InvalidToken
            options: Any = {"require": ["iss", "aud", "exp", "sub"], "enforce_minimum_key_length": True}
            found: dict[str, Any] = jwt.decode(
                token,
                jwt.PyJWK(key, algorithm),
                [algorithm],
                options,
                audience=audience,
                issuer=self.issuer,
                leeway=LEEWAY,
            )
        except (jwt.PyJWTError, TypeError, ValueError, UnicodeError):
            raise InvalidToken from None
        return found

    def _claimed(self, claims: Mapping[str, Any]) -> Claimed:
        named = (claims.get(name) for name in ("name", "preferred_username", "client_id", "azp"))
        subject = claims.get("sub")
        if not _is_subject(subject):
            raise InvalidToken
        name = next(filter(None, map(_line, named)), "")
        return Claimed(self.issuer, subject, name or subject, _line(claims.get("email")))


def _is_subject(value: object) -> TypeGuard[str]:
    """Whether it is taken, exactly as it is: were a space stripped, two subjects would be one person."""
    return isinstance(value, str) and 0 < len(value) <= LONGEST_SUBJECT and _line(value) == value


def _line(value: object) -> str:
    """A claim as one line of text; nothing else can be kept."""
    text = value if isinstance(value, str) and len(value) <= 300 else ""
    return text.strip() if text.isprintable() else ""
