from pathlib import Path

import pytest

from app.storage.credentials import from_file
from app.storage.open import open_store
from tests.seaweed import CREDENTIALS, Seaweed

KEY, SECRET = CREDENTIALS.values()


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    path = tmp_path / "credentials"
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(path))
    return path


def write(file: Path, profile: str, key: str, secret: str, more: str = "") -> None:
    file.write_text(f"[{profile}]\naws_access_key_id = {key}\naws_secret_access_key = {secret}\n{more}")


def test_a_profile(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(file, "archive", KEY, "100%secret", "aws_session_token = passing\n")
    assert from_file() is None
    monkeypatch.setenv("AWS_PROFILE", "archive")
    read = from_file()
    assert read is not None
    found = read()
    assert (found["access_key_id"], found["secret_access_key"], found["token"]) == (
        KEY,
        "100%secret",
        "passing",
    )
    write(file, "archive", "another", "secret")
    assert read()["access_key_id"] == "another"
    assert read()["token"] is None


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"key", b"[default]\naws_access_key_id = x\n"])
def test_a_file_without_any(file: Path, content: bytes) -> None:
    assert from_file() is None
    file.write_bytes(content)
    assert from_file() is None


def test_the_environment_comes_first(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(file, "default", KEY, SECRET)
    assert from_file() is not None
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    assert from_file() is None


async def test_a_store_with_credentials_of_a_file(file: Path, seaweed: Seaweed, tmp_path: Path) -> None:
    write(file, "default", KEY, SECRET)
    store = open_store(seaweed.address("of-a-file"), tmp_path / "temp")
    await store.check()
    await store.close()
