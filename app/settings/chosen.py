"""What an operator may set: its form, its default, and what it is for.

Each field is also an environment variable: `READINGROOM_` and the field's name in capitals. What each says is
the help of the command, too.
"""

import os
from pathlib import Path
from typing import Literal

from pydantic import ByteSize, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from app.settings.forms import DataFolder, Folder, Hosts, Issuer, Networks, Origins, Url

PREFIX = "READINGROOM_"
MIB, GIB = 1 << 20, 1 << 30
#: Those that hold a secret: each may also be given as the path of a file, in `{name}_file`.
SECRETS = ("owner_token", "oidc_client_secret", "database", "log_key", "datacite_password", "metrics_token")


class Chosen(BaseSettings):
    """Every setting, as it was chosen or as it is by default."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_ignore_empty=True, extra="forbid", frozen=True, use_attribute_docstrings=True
    )

    data: DataFolder = Path("data")
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
    """Where instances lie: a folder, `s3://BUCKET/PREFIX?endpoint=URL`, `gs://…`, `az://…`; no credentials;
    by default the folder `objects` in `data`."""
    redirect_seconds: int = Field(default=0, ge=0, le=3600)
    """Who downloads one instance as it is stored is sent to the bucket, by an address that holds for so many
    seconds; 0: the archive sends it itself."""
    viewer: Folder = Path("viewer")
    """The folder of the OHIF viewer that `readingroom viewer` fetches; without one, /viewer answers 404."""
    owner_token: SecretStr | None = None
    """Whoever sends it as `Authorization: Bearer` is the owner. At least 16 characters."""
    owner_token_file: Path | None = None
    """A file that holds `owner_token`."""
    accounts: bool = False
    """People may sign in with a name and a password that `readingroom people add` made."""
    oidc_issuer: Issuer | None = None
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
    public_url: Url | None = None
    """The archive's address as its users see it; by default what each request was sent to."""
    trusted_proxies: Networks = ()
    """Addresses or networks, separated by commas, whose Forwarded and X-Forwarded-* headers are believed."""
    cors_origins: Origins = ()
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
    drain_seconds: float = Field(default=0, ge=0)
    """How long idle connections may bring one more request then: longer than a proxy keeps one idle."""
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
    """The server's own workers do what is to be done in the background; else `readingroom work` does."""
    fixity_days: int = Field(default=90, ge=0, le=3650)
    """Each object is read again after so many days, to see that it is what was stored; 0 reads none."""
    scrub_bytes_per_second: ByteSize = Field(default=ByteSize(20 * MIB), ge=1024)
    """How fast objects are read for that, and for their MD5."""
    metrics_token: SecretStr | None = None
    """Who reads /metrics sends it as `Authorization: Bearer`. Without one anybody may, and learns of the
    processes, not of what is done in the background."""
    metrics_token_file: Path | None = None
    """A file that holds `metrics_token`."""
    work_metrics_port: int | None = Field(default=None, ge=1, le=65535)
    """The port, at `host`, where `readingroom work` tells its own metrics; by default none."""
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
    webhook_hosts: Hosts = ()
    """Hosts, with their ports, that webhooks may reach though they are not public: `localhost:9000`."""
