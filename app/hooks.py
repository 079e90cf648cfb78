"""Messages to addresses that people gave us: signed (Standard Webhooks), and sent to nobody's inside.

A name is resolved once, every address it has must be public, and that address is connected to: what the name
means a moment later, or where an answer redirects to, is not asked.
"""

import asyncio
import socket
from base64 import b64decode, b64encode
from collections.abc import Collection
from hashlib import sha256
from hmac import digest
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from secrets import token_bytes
from urllib.parse import SplitResult, urlsplit

import httpx

from app.errors import InvalidRequest, RemoteRefused, RemoteUnavailable

SECRET = "whsec_"  # noqa: S105  # how one begins
_BYTES = 32
SECONDS = 10.0
LONGEST_URL = 2_000
_GONE = 410


def make_secret() -> str:
    """A new secret, as the standard writes them."""
    return SECRET + b64encode(token_bytes(_BYTES)).decode()


def sign(secret: str, message: str, timestamp: int, body: bytes) -> str:
    """The signature of a message: HMAC-SHA256 over its id, the moment in seconds, and its body."""
    key = b64decode(secret.removeprefix(SECRET))
    made = digest(key, f"{message}.{timestamp}.".encode() + body, sha256)
    return f"v1,{b64encode(made).decode()}"


def check(url: str, allowed: Collection[str]) -> SplitResult:
    """The parts of an address that may be sent to, as far as can be told without asking for its name.

    `allowed` are hosts, with their ports, that may be inside, and without TLS. Raises InvalidRequest.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        raise InvalidRequest("This is no address of the form https://host/path.") from None
    fits = url.isascii() and url.isprintable() and " " not in url and len(url) <= LONGEST_URL
    if not (fits and host and "@" not in parts.netloc and not parts.fragment):
        raise InvalidRequest("This is no address of the form https://host/path.")
    if parts.netloc.lower() in allowed and parts.scheme in ("http", "https"):
        return parts
    if parts.scheme != "https":
        raise InvalidRequest("Webhooks are sent over https only.")
    if (literal := _literal(host)) and not _is_public(literal):
        raise InvalidRequest("Webhooks are sent to public addresses only.")
    return parts


async def send(
    url: str, secret: str, message: str, timestamp: int, body: bytes, allowed: Collection[str]
) -> bool:
    """Deliver a message; False where the address says that it is gone.

    Raises RemoteRefused where it may not be sent to, RemoteUnavailable where it did not take this one.
    """
    try:
        parts = check(url, allowed)
    except InvalidRequest as error:
        raise RemoteRefused(error.detail) from None
    host = parts.hostname or ""
    address = host if parts.netloc.lower() in allowed else await _resolve(host)
    netloc = f"[{address}]" if ":" in address else address
    headers = {
        "Host": parts.netloc,
        "Content-Type": "application/json",
        "User-Agent": "Reading-Room",
        "webhook-id": message,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": sign(secret, message, timestamp, body),
    }
    target = parts._replace(netloc=f"{netloc}:{parts.port}" if parts.port else netloc).geturl()
    status = await _post(target, host, headers, body)
    if status == _GONE:
        return False
    if not 200 <= status < 300:
        raise RemoteUnavailable(f"The address answered with status {status}.")
    return True


async def _post(target: str, host: str, headers: dict[str, str], body: bytes) -> int:
    """The status of the answer, of which nothing else is read."""
    try:
        async with asyncio.timeout(SECONDS):
            # No proxies: they would look up the name again. The certificate is that of the name.
            async with (
                httpx.AsyncClient(timeout=SECONDS, follow_redirects=False, trust_env=False) as client,
                client.stream(
                    "POST", target, headers=headers, content=body, extensions={"sni_hostname": host}
                ) as answer,
            ):
                return answer.status_code
    except (httpx.HTTPError, TimeoutError, ValueError):
        raise RemoteUnavailable("The address does not answer.") from None


async def _resolve(host: str) -> str:
    """A public address of the host. Raises RemoteRefused where any of its addresses is not public."""
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(SECONDS):
            found = await loop.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError, TimeoutError):
        raise RemoteUnavailable("The address's name cannot be looked up.") from None
    addresses = [str(each[4][0]) for each in found]
    if not addresses or not all((each := _literal(address)) and _is_public(each) for address in addresses):
        raise RemoteRefused("Webhooks are sent to public addresses only.")
    return addresses[0]


def _literal(host: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(host.strip("[]"))
    except ValueError:
        return None


def _is_public(address: IPv4Address | IPv6Address) -> bool:
    inner = address
    if isinstance(address, IPv6Address):
        # Addresses that carry one of IPv4 lead to that.
        inner = address.ipv4_mapped or address.sixtofour or address
        if address.teredo or address.is_site_local or address in _NAT64:
            return False
    return inner.is_global and not inner.is_multicast and not inner.is_reserved


_NAT64 = ip_network("64:ff9b::/96")
