"""The forms in which people write networks, sites, hosts, folders and addresses, and what is made of them."""

import re
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator
from pydantic_settings import NoDecode

_ORIGIN = re.compile(r"https?://[a-z0-9.\-]+(:[0-9]{1,5})?|https?://\[[0-9a-f:]+\](:[0-9]{1,5})?")

Network = IPv4Network | IPv6Network


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches what listens there."""
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _names(value: Any) -> list[str]:
    names = value.split(",") if isinstance(value, str) else [str(each) for each in value]
    return [name.strip() for name in names if name.strip()]


def _networks(value: Any) -> tuple[Network, ...]:
    try:
        return tuple(ip_network(name, strict=False) for name in _names(value))
    except ValueError:
        raise ValueError("give addresses or networks such as 10.0.0.0/8, separated by commas") from None


def _origins(value: Any) -> tuple[str, ...]:
    origins = tuple(name.rstrip("/").lower() for name in _names(value))
    if not all(origin == "*" or _ORIGIN.fullmatch(origin) for origin in origins):
        raise ValueError("give origins such as https://viewer.example.org, separated by commas, or *")
    return origins


def _hosts(value: Any) -> tuple[str, ...]:
    return tuple(name.lower() for name in _names(value))


def _absolute(folder: Path) -> Path:
    return folder.expanduser().absolute()


def _data(folder: Path) -> Path:
    if "?" in str(folder):
        raise ValueError("the folder's name may not contain '?'")
    return _absolute(folder)


def _url(value: str) -> str:
    url = urlsplit(value)
    plain = not (url.query or url.fragment or "@" in url.netloc)
    if url.scheme not in {"http", "https"} or not url.hostname or not plain:
        raise ValueError("give a URL such as https://archive.example.org")
    return value.rstrip("/")


def _issuer(value: str) -> str:
    url = urlsplit(value)
    if url.scheme != "https" and not (url.scheme == "http" and is_loopback(url.hostname or "")):
        raise ValueError("give the https URL that the provider calls its issuer")
    return value


# What stands in the environment is taken as it is: by default lists would have to be JSON.
Networks = Annotated[tuple[Network, ...], NoDecode, BeforeValidator(_networks)]
Origins = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_origins)]
Hosts = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_hosts)]
Folder = Annotated[Path, AfterValidator(_absolute)]
DataFolder = Annotated[Path, AfterValidator(_data)]
Url = Annotated[str, AfterValidator(_url)]
Issuer = Annotated[str, AfterValidator(_issuer)]
