"""Everything an operator may set, in one typed value: made once at a door and passed in.

Each field is also an environment variable: `READINGROOM_` and the field's name in capitals.
"""

import os
import re
from functools import cached_property
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import ByteSize, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from app.errors import Misconfigured

PREFIX = "READINGROOM_"
KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30
TOKEN_LENGTH = 16
_ORIGIN = re.compile(r"https?://[a-z0-9.\-]+(:[0-9]{1,5})?|https?://\[[0-9a-f:]+\](:[0-9]{1,5})?")

Network = IPv4Network | IPv6Network
#: Settings that hold a secret: each may also be given as the path of a file, in `{name}_file`.
SECRETS = ("owner_token", "oidc_client_secret", "database", "log_key", "datacite_password")


class Settings(BaseSettings):
    """What an operator chose. Construct with keywords in tests; `Settings.load()` at a door."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_ignore_empty=True, extra="forbid", frozen=True, use_attribute_docstrings=True
    )

    data: Path = Path("data")
    """The folder that holds the database and the objects, unless `database` and `store` say otherwise."""
    keys: Path | None = None
    """The folder of the keys that collections de-identify with; by default `keys` in `data`."""
    host: str = "127.0.0.1"
    """The address to listen on. One that others can reach needs a way to sign in."""
    port: int = Field(default=8080, ge=0, le=65535)
    """The port to listen on; 0 lets the system choose."""
    workers: int = Field(default=1, ge=1, le=256)
    """How many server processes answer requests."""
    max_connections: int = Field(default=1000, ge=1)
    """How many connections one worker answers at once; beyond them it answers 503."""
    database: SecretStr | None = None
    """`sqlite:///PATH` or `postgresql://USER:PASSWORD@HOST/NAME`; by default a file in `data`."""
    database_file: Path | None = None
    """A file that holds `database`."""
    store: str | None = None
    """Where instances lie, as a URL; by default the folder `objects` in `data`."""
    viewer: Path = Path("viewer")
    """The folder of the OHIF viewer that `readingroom viewer` fetches; without one, /viewer answers 404."""
    owner_token: SecretStr | None = None
    """Whoever sends it as `Authorization: Bearer` is the owner. At least 16 characters."""
    owner_token_file: Path | None = None
    """A file that holds `owner_token`."""
    accounts: bool = False
    """People may sign in with a name and a password that `readingroom people add` made."""
    oidc_issuer: str | None = None
    """The OpenID provider with whose accounts people sign in, by its issuer: `https://sso.example.org/realms/a`."""
    oidc_client_id: str | None = None
    """Our name at the provider, where `{public_url}/sign-in/callback` is to be allowed as redirect URI."""
    oidc_client_secret: SecretStr | None = None
    """What proves at the provider that it is us; none for a public client."""
    oidc_client_secret_file: Path | None = None
    """A file that holds `oidc_client_secret`."""
    oidc_audience: str | None = None
    """The audience of the provider's JWTs that are taken as Bearer tokens; by default `oidc_client_id`."""
    oidc_name: str = "OpenID"
    """What the provider is called on the page to sign in."""
    session_hours: float = Field(default=12, gt=0, le=24 * 30)
    """After how many hours a browser has to sign in again."""
    requests_per_minute: int | None = Field(default=None, ge=1)
    """How many requests one caller may send to one worker in a minute; by default any number."""
    public_url: str | None = None
    """The archive's address as its users see it; by default what each request was sent to."""
    trusted_proxies: Annotated[tuple[Network, ...], NoDecode] = ()
    """Addresses or networks, separated by commas, whose Forwarded and X-Forwarded-* headers are believed."""
    cors_origins: Annotated[tuple[str, ...], NoDecode] = ()
    """Sites, separated by commas, whose pages may use the archive: `https://viewer.example.org`, or `*`."""
    max_instance_bytes: ByteSize = Field(default=ByteSize(16 * GIB), ge=1)
    """The largest instance that is stored."""
    max_request_bytes: ByteSize | None = Field(default=None, ge=1)
    """The largest request body; by default there is no limit beyond that of each instance."""
    spool_memory: ByteSize = Field(default=ByteSize(8 * MIB), ge=0)
    """An arriving instance up to this size is kept in memory until it is stored; a larger one on disk."""
    spool_memory_total: ByteSize = Field(default=ByteSize(128 * MIB), ge=0)
    """What all arriving instances of one process may keep in memory together."""
    graceful_shutdown_seconds: int = Field(default=30, ge=0)
    """How long running responses may take to finish after the archive was told to stop."""
    head_seconds: float = Field(default=20, gt=0)
    """How long a client may take to send a request's line and headers (64 kB at most)."""
    stall_seconds: float = Field(default=60, gt=0)
    """A client that is waited for is judged after so many seconds, by `slowest_bytes_per_second`."""
    slowest_bytes_per_second: float = Field(default=1024, ge=0)
    """Who sends a body, or takes an answer, more slowly than this over `stall_seconds` is cut off."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """The least serious log line that is written."""
    log_format: Literal["json", "console"] = "json"
    """One JSON object per line, or coloured text for people."""
    log_key: SecretStr | None = None
    """Logs hold keyed hashes instead of UIDs; this is the key. By default a new one at each start."""
    log_key_file: Path | None = None
    """A file that holds `log_key`."""
    codec_processes: int = Field(default=min(4, os.cpu_count() or 1), ge=1, le=64)
    """How many processes may decode pixel data at once, in each worker."""
    codec_seconds: float = Field(default=60, gt=0)
    """How long one frame may take to decode before its process is ended."""
    codec_memory: ByteSize = Field(default=ByteSize(4 * GIB), ge=256 * MIB)
    """The address space of one decoding process."""
    cache_bytes: ByteSize = Field(default=ByteSize(8 * GIB), ge=0)
    """What converted instances and frames may take in the folder `cache` of `data`; 0 keeps none."""
    conversion_bytes: ByteSize = Field(default=ByteSize(16 * GIB), ge=1)
    """How many bytes one request may have converted, and get by it; for more it gets 413."""
    conversion_seconds: float = Field(default=300, gt=0)
    """How long one request may have instances converted and pictures drawn; for more it gets 413."""
    spare_bytes: ByteSize = Field(default=ByteSize(1 * GIB), ge=0)
    """Nothing is converted (503), no picture kept, while the disk of `data` has less room than this."""

    jobs: bool = True
    """The server's own workers do what is to be done in the background."""
    publisher: str = Field(default="Reading Room", min_length=1, max_length=300)
    """Who publishes what lies here: it stands in citations and in the metadata of DOIs."""
    publisher_ror: str = Field(default="", pattern=r"^(https://ror\.org/0[a-z0-9]{8})?$")
    """The publisher's address at ROR, such as `https://ror.org/04xm1d337`."""
    datacite_url: str = Field(default="https://api.test.datacite.org", pattern=r"^https?://[^/?#@\s]+$")
    """DataCite's REST API: by default the one for tests; `https://api.datacite.org` makes DOIs that last."""
    datacite_repository: str | None = None
    """The account of our repository at DataCite, such as `ABCD.ARCHIVE`; by default there are no DOIs."""
    datacite_password: SecretStr | None = None
    """The password of that account."""
    datacite_password_file: Path | None = None
    """A file that holds `datacite_password`."""
    datacite_prefix: str | None = Field(default=None, pattern=r"^10\.[0-9]{4,9}$")
    """The prefix of our DOIs, such as `10.12345`."""
    webhook_hosts: Annotated[tuple[str, ...], NoDecode] = ()
    """Hosts, with their ports, that webhooks may reach though they are not public: `localhost:9000`."""

    @classmethod
    def load(cls, **chosen: Any) -> Self:
        """Settings from the environment, `chosen` winning over it where not None.

        Raises Misconfigured with one sentence per wrong setting, none of which repeats a value.
        """
        try:
            return cls(**{name: value for name, value in chosen.items() if value is not None})
        except ValidationError as error:
            raise Misconfigured(" ".join(_sentence(cls, dict(each)) for each in error.errors())) from None

    @model_validator(mode="before")
    @classmethod
    def _read_secrets(cls, values: dict[str, Any]) -> dict[str, Any]:
        for name in SECRETS:
            if path := values.get(f"{name}_file"):
                if values.get(name):
                    raise ValueError(f"set {PREFIX}{name.upper()} or {PREFIX}{name.upper()}_FILE, not both")
                values = {**values, name: _secret(name, Path(path))}
        return values

    @field_validator("data")
    @classmethod
    def _absolute(cls, data: Path) -> Path:
        if "?" in str(data):
            raise ValueError("the folder's name may not contain '?'")
        return data.expanduser().absolute()

    @field_validator("viewer")
    @classmethod
    def _absolute_viewer(cls, viewer: Path) -> Path:
        return viewer.expanduser().absolute()

    @field_validator("trusted_proxies", mode="before")
    @classmethod
    def _networks(cls, value: Any) -> Any:
        names = value.split(",") if isinstance(value, str) else [str(each) for each in value]
        try:
            return tuple(ip_network(name.strip(), strict=False) for name in names if name.strip())
        except ValueError:
            raise ValueError("give addresses or networks such as 10.0.0.0/8, separated by commas") from None

    @field_validator("cors_origins", mode="before")
    @classmethod
    def _origins(cls, value: Any) -> Any:
        names = value.split(",") if isinstance(value, str) else [str(each) for each in value]
        origins = tuple(name.strip().rstrip("/").lower() for name in names if name.strip())
        if not all(origin == "*" or _ORIGIN.fullmatch(origin) for origin in origins):
            raise ValueError("give origins such as https://viewer.example.org, separated by commas, or *")
        return origins

    @field_validator("webhook_hosts", mode="before")
    @classmethod
    def _hosts(cls, value: Any) -> Any:
        names = value.split(",") if isinstance(value, str) else [str(each) for each in value]
        return tuple(name.strip().lower() for name in names if name.strip())

    @field_validator("public_url")
    @classmethod
    def _url(cls, value: str | None) -> str | None:
        if value is None:
            return None
        url = urlsplit(value)
        if (
            url.scheme not in {"http", "https"}
            or not url.hostname
            or url.query
            or url.fragment
            or "@" in url.netloc
        ):
            raise ValueError("give a URL such as https://archive.example.org")
        return value.rstrip("/")

    @field_validator("oidc_issuer")
    @classmethod
    def _issuer(cls, value: str | None) -> str | None:
        url = urlsplit(value or "")
        if value is not None and (
            url.scheme != "https" and not (url.scheme == "http" and _is_loopback(url.hostname or ""))
        ):
            raise ValueError("give the https URL that the provider calls its issuer")
        return value

    def environment(self) -> dict[str, str]:
        """What was chosen, as the environment variables from which another process loads equal settings."""
        chosen = {name: getattr(self, name) for name in self.model_fields_set}
        # What came from a file goes on as the file's name: the secret itself stays out of the environment.
        from_files = {name for name in SECRETS if chosen.get(f"{name}_file")}
        return {
            PREFIX + name.upper(): _text(value)
            for name, value in chosen.items()
            if value is not None and name not in from_files
        }

    @property
    def database_url(self) -> str:
        """The database's URL, with its password: not for logs."""
        return (
            self.database.get_secret_value() if self.database else f"sqlite:///{self.data}/readingroom.sqlite"
        )

    @property
    def store_url(self) -> str:
        """The object store's URL."""
        return self.store or (self.data / "objects").as_uri()

    @cached_property
    def loopback(self) -> bool:
        """Whether only this machine can reach the address listened on."""
        return _is_loopback(self.host)

    @cached_property
    def for_browsers(self) -> bool:
        """Whether there is a page to sign in."""
        return self.accounts or self.oidc_issuer is not None

    @cached_property
    def local_mode(self) -> bool:
        """Loopback and no sign-in: the caller is the owner, and is guarded against other sites' pages."""
        return self.loopback and self.owner_token is None and not self.for_browsers

    def check_servable(self) -> None:
        """Raises Misconfigured, saying what to set, where serving so would be unsafe or futile."""
        if not self.loopback and self.owner_token is None and not self.for_browsers:
            raise Misconfigured(
                f"Others can reach {self.host}, so the archive needs sign-in: set READINGROOM_OWNER_TOKEN "
                "(or READINGROOM_OWNER_TOKEN_FILE) to a secret of at least 16 characters, for example from "
                "`openssl rand -hex 32`, or READINGROOM_ACCOUNTS, or READINGROOM_OIDC_ISSUER; "
                "or listen on 127.0.0.1."
            )
        if (self.oidc_issuer is None) != (self.oidc_client_id is None):
            raise Misconfigured(
                "READINGROOM_OIDC_ISSUER and READINGROOM_OIDC_CLIENT_ID go together: set both."
            )
        if self.owner_token and len(self.owner_token.get_secret_value()) < TOKEN_LENGTH:
            raise Misconfigured(
                "READINGROOM_OWNER_TOKEN is too short to be secret: give at least 16 characters."
            )
        account = (self.datacite_repository, self.datacite_password, self.datacite_prefix)
        if any(account) and not (all(account) and self.public_url):
            raise Misconfigured(
                "DOIs need READINGROOM_DATACITE_REPOSITORY, READINGROOM_DATACITE_PASSWORD (or "
                "READINGROOM_DATACITE_PASSWORD_FILE), READINGROOM_DATACITE_PREFIX and "
                "READINGROOM_PUBLIC_URL: set them all."
            )
        if self.local_mode and self.trusted_proxies:
            raise Misconfigured(
                "READINGROOM_TRUSTED_PROXIES is set, but without sign-in the archive refuses forwarded "
                "requests: set READINGROOM_OWNER_TOKEN (or READINGROOM_OWNER_TOKEN_FILE) too."
            )
        if self.local_mode and self.cors_origins:
            raise Misconfigured(
                "READINGROOM_CORS_ORIGINS is set, but without sign-in any page of those sites would be the "
                "owner: set READINGROOM_OWNER_TOKEN (or READINGROOM_OWNER_TOKEN_FILE) too."
            )


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _text(value: Any) -> str:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _secret(name: str, path: Path) -> str:
    try:
        secret = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        raise ValueError(f"{PREFIX}{name.upper()}_FILE cannot be read") from None
    if not secret:
        raise ValueError(f"{PREFIX}{name.upper()}_FILE names an empty file")
    return secret


def _sentence(settings: type[Settings], error: dict[str, Any]) -> str:
    field = str(error["loc"][0]) if error["loc"] else ""
    message = str(error["msg"]).removeprefix("Value error, ")
    if not field:
        return f"{message}."
    known = field in settings.model_fields
    return f"{PREFIX}{field.upper()}: {message}." if known else f"{PREFIX}{field.upper()} is not a setting."
