"""DataCite's REST API: what is needed of it to register DOIs (https://support.datacite.org/docs/api).

Each call may be repeated: what it leaves behind is the same.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import httpx

from app.errors import RemoteRefused, RemoteUnavailable

SECONDS = 30.0
MEDIA_TYPE = "application/vnd.api+json"
_REASONS = {
    401: "DataCite does not know our account, or its password is another: ask who runs the archive.",
    403: "DataCite does not let our account do this: the prefix or the DOI is not ours.",
}
#: Of what DataCite says of metadata that it refuses.
LONGEST = 1_000
MOST = 10
_LONGEST_WAIT = 24 * 3600.0


class DataCite:
    """A session with the API. Its methods raise RemoteRefused for what will never work, and RemoteUnavailable
    for what is to be tried again.
    """

    def __init__(self, url: str, repository: str, password: str, seconds: float = SECONDS) -> None:
        self._client = httpx.AsyncClient(
            base_url=url,
            auth=httpx.BasicAuth(repository, password),
            headers={"Accept": MEDIA_TYPE, "Content-Type": MEDIA_TYPE},
            timeout=seconds,
            follow_redirects=False,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.aclose()

    async def find(self, doi: str) -> dict[str, Any] | None:
        """The attributes of a DOI of ours, among them its `state` and `url`; None where there is none."""
        answer = await self._send("GET", doi)
        return None if answer.status_code == 404 else _attributes(answer)

    async def put(self, doi: str, attributes: Mapping[str, Any]) -> str:
        """Make the DOI, or change what is said of it; its state then. `event` among the attributes may be
        `register`, `publish` or `hide`.
        """
        body = {"data": {"type": "dois", "attributes": {"doi": doi, **attributes}}}
        answer = await self._send("PUT", doi, body)
        if answer.status_code == 404:
            raise RemoteRefused("DataCite knows nothing of this DOI.")
        return str(_attributes(answer).get("state", ""))

    async def _send(self, method: str, doi: str, body: Any = None) -> httpx.Response:
        try:
            answer = await self._client.request(method, f"/dois/{quote(doi, safe='/')}", json=body)
        except httpx.HTTPError:
            raise RemoteUnavailable("DataCite does not answer.") from None
        if answer.is_success or answer.status_code == 404:
            return answer
        raise _fact(answer)


def _fact(answer: httpx.Response) -> RemoteRefused | RemoteUnavailable:
    status = answer.status_code
    if status == 429:
        return RemoteUnavailable("DataCite asks us to wait.", _seconds(answer.headers.get("retry-after", "")))
    if status >= 500 or status in (408, 425):
        wait = _seconds(answer.headers.get("retry-after", ""))
        return RemoteUnavailable(f"DataCite has trouble of its own (status {status}).", wait)
    if status == 422:
        return RemoteRefused(f"DataCite refuses what is said of this DOI: {_said(answer)}")
    return RemoteRefused(_REASONS.get(status, f"DataCite refuses this (status {status})."))


def _attributes(answer: httpx.Response) -> dict[str, Any]:
    try:
        found = answer.json()["data"]["attributes"]
    except (ValueError, LookupError, TypeError):
        found = None
    if not isinstance(found, dict):
        raise RemoteUnavailable("DataCite answered something that cannot be read.")
    return found


def _said(answer: httpx.Response) -> str:
    """Which attribute, and why, as DataCite tells it: of metadata that were to be public."""
    try:
        errors = answer.json()["errors"]
        told = [f"{each.get('source', 'metadata')}: {each.get('title', 'refused')}" for each in errors[:MOST]]
    except (ValueError, LookupError, TypeError, AttributeError):
        told = ["it does not say why."]
    return "; ".join(told)[:LONGEST]


def _seconds(retry_after: str) -> float:
    """How long to wait (RFC 9110 section 10.2.3); none where that is not told."""
    if retry_after.isascii() and retry_after.isdigit() and len(retry_after) < 9:
        return min(float(retry_after), _LONGEST_WAIT)
    try:
        until = parsedate_to_datetime(retry_after)
        return min(max(0.0, (until - datetime.now(UTC)).total_seconds()), _LONGEST_WAIT)
    except (ValueError, TypeError, IndexError):
        return 0.0
