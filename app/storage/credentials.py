"""AWS credentials in a file; the library itself looks for them in the environment only."""

import os
from collections.abc import Callable
from configparser import ConfigParser, Error
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from obstore.store import S3Credential

#: After so long the file is read again: somebody may have put new ones there.
_GOOD_FOR = timedelta(minutes=5)
#: Where one of these is set, the library needs no file.
_ELSEWHERE = (
    "AWS_ACCESS_KEY_ID",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_SKIP_SIGNATURE",
)


def from_file() -> "Callable[[], S3Credential] | None":
    """What reads profile `AWS_PROFILE` of `AWS_SHARED_CREDENTIALS_FILE`, if they are there."""
    if any(os.environ.get(name) for name in _ELSEWHERE):
        return None
    path = Path(os.environ.get("AWS_SHARED_CREDENTIALS_FILE") or "~/.aws/credentials").expanduser()
    profile = os.environ.get("AWS_PROFILE") or "default"

    def read() -> "S3Credential":
        section = _section(path, profile)
        return {
            "access_key_id": section["aws_access_key_id"],
            "secret_access_key": section["aws_secret_access_key"],
            "token": section.get("aws_session_token"),
            "expires_at": datetime.now(UTC) + _GOOD_FOR,
        }

    return read if {"aws_access_key_id", "aws_secret_access_key"} <= _section(path, profile).keys() else None


def _section(path: Path, profile: str) -> dict[str, str]:
    file = ConfigParser(interpolation=None)
    try:
        file.read(path, encoding="utf-8")
    except (Error, ValueError, OSError):
        return {}
    return dict(file[profile]) if file.has_section(profile) else {}
