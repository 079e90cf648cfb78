import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from obstore.store import AzureStore, GCSStore, S3Store

from app.errors import Misconfigured
from app.storage.bucket import PATIENCE, Address, open_bucket, parse
from app.storage.open import open_store


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "the-archive")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "its-secret-key")
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_NAME", "archive")
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_KEY", "c2VjcmV0")
    monkeypatch.setenv("GOOGLE_SKIP_SIGNATURE", "true")


def test_the_parts_of_an_address() -> None:
    assert parse("s3://bucket/a/b%20c/".replace("%20", "-")) == Address("s3", "bucket", "a/b-c", {})
    found = parse("s3://bucket?endpoint=http://127.0.0.1:8333&region=eu-central-1&timeout=2.5")
    assert (found.prefix, found.patience) == ("", 2.5)
    assert parse("gs://a.bucket/x").patience == PATIENCE


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        ("s3://bucket", S3Store),
        ("s3://bucket/a/b?endpoint=https://s3.example.org&region=x", S3Store),
        ("gs://bucket/a", GCSStore),
        ("gs://bucket?endpoint=http://127.0.0.1:4443", GCSStore),
        ("az://container/a", AzureStore),
        ("az://container/a?account=another&endpoint=http://127.0.0.1:10000/another", AzureStore),
    ],
)
def test_each_kind(address: str, kind: type, tmp_path: Path) -> None:
    assert isinstance(open_bucket(parse(address)), kind)
    store = open_store(address, tmp_path / "temp")
    assert store.temp == tmp_path / "temp"
    assert store.temp.is_dir()


@pytest.mark.parametrize(
    ("address", "host"),
    [
        ("s3://bucket/a?endpoint=http://10.0.0.1:8333", "http://10.0.0.1:8333/bucket/a/"),
        ("s3://bucket/a?endpoint=http://10.0.0.1:8333&public=https://s3.org", "https://s3.org/bucket/a/"),
        (
            "az://box/a?endpoint=http://10.0.0.1:1/archive&public=https://b.org/archive",
            "https://b.org/archive/",
        ),
    ],
)
async def test_links_are_signed_for_the_address_that_clients_reach(
    address: str, host: str, tmp_path: Path
) -> None:
    store = open_store(address, tmp_path / "temp")
    link = await store.link("01K9Z3M0000000000000000000", 60)
    assert link
    assert link.startswith(host)
    assert "/objects/01K9Z/3M/01K9Z3M0000000000000000000?" in link
    await store.close()


async def test_who_cannot_sign_gives_no_link(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_SKIP_SIGNATURE", "true")
    monkeypatch.delenv("AZURE_STORAGE_ACCOUNT_KEY")
    store = open_store("az://container/a", tmp_path / "temp")
    assert await store.link("01K9Z3M0000000000000000000", 60) is None
    await store.close()


def test_what_the_environment_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AZURE_STORAGE_ACCOUNT_NAME")
    with pytest.raises(Misconfigured, match="environment"):
        open_bucket(parse("az://container"))


@pytest.mark.parametrize(
    "address",
    [
        "s3://",
        "s3:///prefix",
        "s3://user:sekret@bucket/prefix",
        "s3://bucket/../other",
        "s3://bucket/a//b",
        "s3://bucket/a%2F..%2Fb",
        "s3://bucket/a%00",
        "s3://bucket/ä",
        "s3://bucket:99",
        "s3://bucket#sekret",
        "s3://bucket?access_key_id=sekret",
        "s3://bucket?secret_access_key=sekret",
        "s3://bucket?endpoint=https://user:sekret@host",
        "s3://bucket?endpoint=https://host?sekret",
        "s3://bucket?endpoint=ftp://host",
        "s3://bucket?endpoint=https://",
        "s3://bucket?endpoint=https://host:0",
        "s3://bucket?endpoint=https://host:99999",
        "s3://bucket?endpoint=https://[x",
        "s3://bucket?endpoint=",
        "s3://bucket?public=https://user:sekret@host",
        "s3://bucket?public=host",
        "s3://bucket?region=a&region=b",
        "s3://bucket?timeout=0",
        "s3://bucket?timeout=0.0",
        "s3://bucket?timeout=-1",
        "s3://bucket?timeout=nan",
        "s3://bucket?timeout=9999",
        "s3://bucket?sekret",
        "s3://bucket?account=a",
        "gs://bucket?region=a",
        "s3://[x",
    ],
)
def test_others_are_refused_without_repeating_them(address: str, tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match=re.escape("s3://bucket/prefix")) as raised:
        open_store(address, tmp_path)
    assert "sekret" not in str(raised.value)
    assert raised.value.__suppress_context__ or raised.value.__context__ is None


@given(st.text(max_size=60))
def test_no_address_raises_anything_else(rest: str) -> None:
    for scheme in ("s3", "gs", "az"):
        try:
            assert parse(f"{scheme}://{rest}").bucket
        except Misconfigured:
            continue
