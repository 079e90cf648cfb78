"""A foreign judge: schemathesis sends what the OpenAPI document allows, and much that it does not."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, settings

from app.database import migrate
from app.main import create_app
from app.settings import Settings
from tests.instances import ct, part10
from tests.live import serving


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An archive that holds one instance, whose UIDs are easily hit upon."""
    chosen = Settings(data=tmp_path_factory.mktemp("openapi"))
    asyncio.run(migrate(chosen.database_url))
    with serving(chosen) as url:
        head = {"Content-Type": "application/dicom"}
        instance = part10(ct("1", "1", "1"))
        answer = requests.post(f"{url}/dicom-web/studies", instance, headers=head, timeout=30)
        assert answer.status_code == 200
        yield url


#: Roots whose routes are those of the others, and whose scopes have tests of their own.
LIKE_OTHERS = (
    r"^/(without-results|submissions|carts|collections/[^/]+/(with-results|versions/[^/]+))/.*dicom-web/"
)
SCHEMA = schemathesis.openapi.from_dict(create_app(Settings(data=Path("unused"))).openapi())


# What is stored is mutated in tests/hostile: schemathesis has no serializer for multipart/related.
@SCHEMA.exclude(method="POST").exclude(path_regex=LIKE_OTHERS).parametrize()
@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
def test_nothing_makes_a_server_error(case: Any, archive: str) -> None:
    answer = case.call(base_url=archive, timeout=30)
    assert answer.status_code < 500, case.as_curl_command()
