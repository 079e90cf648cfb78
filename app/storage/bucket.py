"""The bucket that an address names, at S3, Google Cloud Storage, Azure, or a server that speaks as they do.

Credentials never stand in an address. They come from where each provider's own tools look: the environment
(`AWS_ACCESS_KEY_ID`, `GOOGLE_APPLICATION_CREDENTIALS`, `AZURE_STORAGE_ACCOUNT_KEY`, …), files, the machine.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Self
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from obstore.exceptions import BaseError
from obstore.store import AzureStore, GCSStore, S3Store

from app.errors import Misconfigured
from app.storage.credentials import from_file

AnyBucket = S3Store | GCSStore | AzureStore
#: Seconds that one request may take, its body included: 8 MiB at 400 kB/s.
PATIENCE = 20.0
_EVERYWHERE = {"endpoint", "public", "timeout"}
_PARAMETERS = {"s3": _EVERYWHERE | {"region"}, "gs": _EVERYWHERE, "az": _EVERYWHERE | {"account"}}
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._\-]{1,221}")
_SEGMENT = re.compile(r"[A-Za-z0-9!_.*'()\-]+")
_SECONDS = re.compile(r"[0-9]{1,3}(\.[0-9]{1,3})?")
_FORM = (
    "The store's address is not of the form s3://bucket/prefix?endpoint=https://host, gs://bucket/prefix or "
    "az://container/prefix?account=name. Beside these it may have region (s3), timeout (seconds) and public "
    "(the endpoint that clients reach), but no credentials: those come from the environment or from files."
)


@dataclass(frozen=True, slots=True)
class Address:
    """What an address says: which kind of bucket, its name, the folder in it, and what was added to them."""

    scheme: str
    bucket: str
    prefix: str
    chosen: dict[str, str]

    @property
    def patience(self) -> float:
        """Seconds that one request may take."""
        return float(self.chosen.get("timeout", PATIENCE))

    @property
    def for_clients(self) -> Self:
        """The same as clients reach it: a signature holds for one host."""
        public = self.chosen.get("public")
        return replace(self, chosen=self.chosen | {"endpoint": public}) if public else self


def parse(address: str) -> Address:
    """Raises Misconfigured, with a sentence that repeats nothing of an address that may hold a secret."""
    try:
        url = urlsplit(address)
        pairs = parse_qsl(url.query, keep_blank_values=True, strict_parsing=bool(url.query), max_num_fields=9)
    except ValueError:
        raise Misconfigured(_FORM) from None
    chosen, prefix = dict(pairs), unquote(url.path).strip("/")
    found = Address(url.scheme, url.netloc, prefix, chosen)
    if not (_is_place(url, prefix) and len(chosen) == len(pairs) and _are_parameters(found)):
        raise Misconfigured(_FORM)
    return found


def _is_place(url: SplitResult, prefix: str) -> bool:
    segments = prefix.split("/") if prefix else []
    named = all(_SEGMENT.fullmatch(each) and each not in {".", ".."} for each in segments)
    return named and not url.fragment and _BUCKET.fullmatch(url.netloc) is not None


def _are_parameters(address: Address) -> bool:
    chosen = address.chosen
    return (
        chosen.keys() <= _PARAMETERS.get(address.scheme, set())
        and all(chosen.values())
        and all(_is_endpoint(chosen[each]) for each in ("endpoint", "public") if each in chosen)
        and _SECONDS.fullmatch(chosen.get("timeout", "1")) is not None
        and address.patience > 0
    )


def _is_endpoint(endpoint: str) -> bool:
    try:
        url = urlsplit(endpoint)
        port = url.port
    except ValueError:
        return False
    plain = not (url.query or url.fragment or "@" in url.netloc)
    return plain and url.scheme in {"http", "https"} and bool(url.hostname) and port != 0


def open_bucket(address: Address) -> AnyBucket:
    """The bucket, of which nothing is asked yet. Raises Misconfigured where something is missing."""
    secure = not address.chosen.get("endpoint", "").startswith("http://")
    limits: dict[str, Any] = {
        "prefix": address.prefix or None,
        "client_options": {
            "allow_http": not secure,
            "connect_timeout": timedelta(seconds=min(5.0, address.patience)),
            "timeout": timedelta(seconds=address.patience),
        },
        # So that nobody waits for much longer than for one request; who sent it tries again.
        "retry_config": {"max_retries": 2, "retry_timeout": timedelta(seconds=address.patience / 2)},
    }
    try:
        return _KINDS[address.scheme](address, limits)
    except (BaseError, ValueError, OSError):
        raise Misconfigured(
            "The store cannot be opened with what the environment says of it: see the provider's variables "
            "(AWS_…, GOOGLE_…, AZURE_…)."
        ) from None


def _s3(address: Address, limits: dict[str, Any]) -> AnyBucket:
    limits |= {name: value for name, value in address.chosen.items() if name in ("endpoint", "region")}
    return S3Store(address.bucket, credential_provider=from_file(), **limits)


def _gcs(address: Address, limits: dict[str, Any]) -> AnyBucket:
    if endpoint := address.chosen.get("endpoint"):
        limits["base_url"] = endpoint
    return GCSStore(address.bucket, **limits)


def _azure(address: Address, limits: dict[str, Any]) -> AnyBucket:
    names = {"endpoint": "endpoint", "account": "account_name"}
    limits |= {name: address.chosen[each] for each, name in names.items() if each in address.chosen}
    return AzureStore(address.bucket, **limits)


_KINDS: dict[str, Callable[[Address, dict[str, Any]], AnyBucket]] = {"s3": _s3, "gs": _gcs, "az": _azure}
