"""A real OpenID provider for tests: `provider.mjs`, with the packages that `package-lock.json` names."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import time
from typing import Any

import httpx

from tests.packages import installed

HERE = Path(__file__).parent
CLIENT, SECRET, AUDIENCE = "reading-room", "a-secret-of-the-client", "https://archive.test"
PIPELINE = ("pipeline", "pipeline-secret")


class NoProviderError(Exception):
    """the OpenID provider is missing: install Node.js, then `npm ci` in tests/openid"""


@dataclass(frozen=True)
class Provider:
    """A provider that answers at its issuer's address."""

    issuer: str

    def rotate(self) -> None:
        """It signs with another key from now on."""
        httpx.post(f"{self.issuer}/control/rotate").raise_for_status()

    def keys(self) -> list[dict[str, Any]]:
        """What it publishes of them."""
        keys: list[dict[str, Any]] = httpx.get(f"{self.issuer}/jwks").json()["keys"]
        return keys

    def mint(self, header: dict[str, Any] | None = None, **claims: Any) -> str:
        """A JWT of Mary's that is right but for these claims and this header; a claim of None is left out."""
        right = {
            "iss": self.issuer,
            "aud": AUDIENCE,
            "sub": "mary",
            "iat": int(time()),
            "exp": int(time()) + 60,
        }
        said = {name: value for name, value in {**right, **claims}.items() if value is not None}
        answer = httpx.post(f"{self.issuer}/control/mint", json={"claims": said, "header": header or {}})
        return answer.raise_for_status().text

    def for_a_pipeline(self) -> str:
        """The access token of a client that signs in for itself."""
        form = {"grant_type": "client_credentials", "scope": "read"}
        answer = httpx.post(f"{self.issuer}/token", data=form, auth=PIPELINE)
        token: str = answer.raise_for_status().json()["access_token"]
        return token


@contextmanager
def provider(redirect_uri: str) -> Iterator[Provider]:
    """Run one. Raises NoProviderError."""
    node = shutil.which("node")
    if not node or not installed(HERE, "oidc-provider"):
        raise NoProviderError
    command = [node, str(HERE / "provider.mjs"), CLIENT, SECRET, redirect_uri]
    quiet = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, text=True, **quiet) as process:  # type: ignore[call-overload]
        try:
            yield Provider(json.loads(process.stdout.readline())["issuer"])
        finally:
            process.stdin.close()
            process.wait(20)
