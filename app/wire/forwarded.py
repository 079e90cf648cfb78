"""Under which address the caller reached us, behind proxies or not (RFC 7239, RFC 9110 section 7.2).

A header is believed as far as the hop that wrote it is trusted. Each proxy appends to the right of a list, so
the last member was written by our peer, the one before it by the peer's peer, and so on for as long as the
addresses are those of trusted proxies. A value that could not stand in a URL is never put into one.
"""

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from app.errors import InvalidRequest
from app.wire.fields import members, parameters

Networks = Collection[IPv4Network | IPv6Network]

_HOST = re.compile(
    r"(?P<name>[a-z0-9_](?:[a-z0-9_.-]{0,252}[a-z0-9_])?\.?|\[(?P<v6>[0-9a-f:.]{2,45})\])(?::(?P<port>[0-9]{1,5}))?",
    re.IGNORECASE | re.ASCII,
)
_PREFIX = re.compile(r"(?:/(?!\.{1,2}(?:/|$))[A-Za-z0-9._~-]+)*/?")
_DEFAULT_PORTS = {"http": 80, "https": 443}
_LOCAL_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})


@dataclass(frozen=True, slots=True)
class _Host:
    name: str
    port: str | None

    def url(self, scheme: str) -> str:
        port = int(self.port or _DEFAULT_PORTS[scheme])
        return f"{scheme}://{self.name}" + (f":{port}" if port != _DEFAULT_PORTS[scheme] else "")


def base_url(
    scheme: str,
    host: str,
    root_path: str,
    client: str | None,
    headers: Mapping[str, str],
    trusted: Networks,
) -> str:
    """The public address of this archive, without a slash at the end: `https://host[:port][/prefix]`.

    `scheme`, `host` (the Host header), `root_path` and `client` (the peer's address, None if unknown) are of
    the connection. `headers` have names in lower case and repeated fields joined by commas. Where the peer is
    in `trusted`, X-Forwarded-Proto, -Host, -Port and -Prefix count, or else Forwarded; a prefix replaces the
    root path. Forwarded values that are malformed are ignored. Raises InvalidRequest when the Host header is
    malformed itself, or when a field is longer than 16 kB.
    """
    said = _forwarded(headers, trusted) if is_trusted(client, trusted) else {}
    scheme = said.get("proto", scheme).lower()
    scheme = scheme if scheme in _DEFAULT_PORTS else "http"
    address = _host(said.get("host")) or _host(host)
    if address is None:
        raise InvalidRequest("The Host header is not a host name with an optional port.")
    port = said.get("port", "")
    if address.port is None and _is_port(port):
        address = _Host(address.name, port)
    return address.url(scheme) + said.get("prefix", root_path).rstrip("/")


def sender(client: str | None, headers: Mapping[str, str], trusted: Networks) -> str:
    """The address from which the request set out, as far as trusted proxies tell; of IPv6 the /64 it lies in.

    Arguments as those of `base_url`. Raises InvalidRequest when a field is longer than 16 kB.
    """
    told = client or ""
    if is_trusted(client, trusted):
        if "x-forwarded-for" in headers:
            hops = members(headers["x-forwarded-for"])
        else:
            elements = (dict(parameters(";" + each) or ()) for each in members(headers.get("forwarded", "")))
            hops = [element.get("for", "") for element in elements]
        told = next((hop for hop in reversed(hops) if not is_trusted(hop, trusted)), told)
    return _counted(told)


def is_trusted(client: str | None, trusted: Networks) -> bool:
    """Whether an address (an IPv4 one also when mapped into IPv6) lies in one of the networks."""
    address = _address(client or "") if trusted else None
    return address is not None and any(address in network for network in trusted)


def is_local_host(host: str | None) -> bool:
    """Whether a Host header is localhost, 127.0.0.1 or [::1], with or without a port."""
    address = _host(host)
    return address is not None and address.name in _LOCAL_NAMES


@lru_cache(maxsize=1024)
def _counted(told: str) -> str:
    address = _address(told)
    if isinstance(address, IPv6Address):
        return str(IPv6Network((address, 64), strict=False))
    return str(address or "")


def _forwarded(headers: Mapping[str, str], trusted: Networks) -> dict[str, str]:
    """What the trusted proxies say: `proto`, `host`, `port`, `prefix`, as far as said and valid."""
    if any(f"x-forwarded-{name}" in headers for name in _VALID):
        said = _x_forwarded(headers, trusted)
    else:
        said = _rfc7239(headers.get("forwarded", ""), trusted)
    return {name: value for name, value in said.items() if _VALID[name](value)}


def _x_forwarded(headers: Mapping[str, str], trusted: Networks) -> dict[str, str]:
    hops = _credible(members(headers.get("x-forwarded-for", "")), trusted)
    lists = {name: members(headers.get(f"x-forwarded-{name}", "")) for name in _VALID}
    return {name: values[-min(hops, len(values))] for name, values in lists.items() if values}


def _rfc7239(forwarded: str, trusted: Networks) -> dict[str, str]:
    elements = [dict(parameters(";" + member) or ()) for member in members(forwarded)]
    if not elements:
        return {}
    hops = _credible([element.get("for", "") for element in elements], trusted)
    element = elements[-min(hops, len(elements))]
    return {name: element[name] for name in ("proto", "host") if name in element}


def _credible(senders: list[str], trusted: Networks) -> int:
    """How many members from the right were written by trusted proxies; the last one was, by our peer."""
    hops = 1
    for sender in reversed(senders):
        if not is_trusted(sender, trusted):
            break
        hops += 1
    return hops


def _host(text: str | None) -> _Host | None:
    match = _HOST.fullmatch(text or "")
    if match is None or not _is_port(match["port"] or "1"):
        return None
    if match["v6"] and not isinstance(_address(match["v6"]), IPv6Address):
        return None
    return _Host(match["name"].lower(), match["port"])


def _address(text: str) -> IPv4Address | IPv6Address | None:
    """An address as proxies write it: bare, `[v6]`, either with a port."""
    bare = re.sub(r"^\[([^\]]*)\](?::[0-9]*)?$|^([0-9.]+):[0-9]*$", r"\1\2", text.strip())
    try:
        address = ip_address(bare)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 5 and 0 < int(text) < 65536


_VALID: dict[str, Callable[[str], bool]] = {
    "proto": lambda text: text.lower() in _DEFAULT_PORTS,
    "host": lambda text: _host(text) is not None,
    "port": _is_port,
    "prefix": lambda text: _PREFIX.fullmatch(text) is not None,
}
