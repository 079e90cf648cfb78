"""The settings of one process, made once at a door: read, checked, and what follows from them."""

from functools import cached_property
from pathlib import Path
from typing import Any, Self

from pydantic import SecretStr, ValidationError, model_validator

from app.errors import Misconfigured
from app.settings.chosen import PREFIX, SECRETS, Chosen
from app.settings.forms import is_loopback

TOKEN_LENGTH = 16


class Settings(Chosen):
    """What an operator chose. Construct with keywords in tests; `Settings.load()` at a door."""

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
        return is_loopback(self.host)

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
