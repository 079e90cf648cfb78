import os
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import Misconfigured
from app.settings import PREFIX, Settings

TOKEN = "correct-horse-battery"


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(PREFIX):
            monkeypatch.delenv(name)


def refusal(**chosen: object) -> str:
    with pytest.raises(Misconfigured) as caught:
        Settings.load(**chosen)
    return caught.value.detail


def test_a_newcomer_needs_to_set_nothing() -> None:
    settings = Settings.load()
    settings.check_servable()
    assert settings.local_mode
    assert settings.database_url == f"sqlite:///{Path.cwd()}/data/readingroom.sqlite"
    assert settings.store_url == f"file://{Path.cwd()}/data/objects"


def test_every_setting_says_what_it_is() -> None:
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []


def test_the_environment_is_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("READINGROOM_DATA", str(tmp_path))
    monkeypatch.setenv("READINGROOM_PORT", "9000")
    monkeypatch.setenv("READINGROOM_MAX_INSTANCE_BYTES", "2GiB")
    monkeypatch.setenv("READINGROOM_TRUSTED_PROXIES", "10.0.0.0/8, ::1 ,192.0.2.7/24")
    settings = Settings.load()
    assert (settings.data, settings.port, settings.max_instance_bytes) == (tmp_path, 9000, 2 << 30)
    assert settings.trusted_proxies == tuple(map(ip_network, ("10.0.0.0/8", "::1/128", "192.0.2.0/24")))


def test_what_is_chosen_wins_and_none_is_no_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("READINGROOM_PORT", "9000")
    assert Settings.load(port=9001).port == 9001
    assert Settings.load(port=None).port == 9000


def test_an_empty_variable_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("READINGROOM_OWNER_TOKEN", "")
    assert Settings.load().owner_token is None


@pytest.mark.parametrize(
    ("chosen", "sentence"),
    [
        ({"port": 70000}, "READINGROOM_PORT: Input should be less than or equal to 65535."),
        ({"port": "http"}, "READINGROOM_PORT: Input should be a valid integer"),
        ({"workers": 0}, "READINGROOM_WORKERS"),
        ({"log_level": "loud"}, "READINGROOM_LOG_LEVEL: Input should be 'debug'"),
        ({"max_instance_bytes": "lots"}, "READINGROOM_MAX_INSTANCE_BYTES"),
        ({"trusted_proxies": "proxy.example"}, "READINGROOM_TRUSTED_PROXIES: give addresses or networks"),
        ({"public_url": "archive.example"}, "READINGROOM_PUBLIC_URL: give a URL such as"),
        ({"public_url": "https://user:secret@archive.example"}, "READINGROOM_PUBLIC_URL: give a URL such as"),
        ({"data": "what?"}, "READINGROOM_DATA: the folder's name"),
        ({"colour": "red"}, "READINGROOM_COLOUR is not a setting."),
    ],
)
def test_a_wrong_setting_is_named(chosen: dict[str, object], sentence: str) -> None:
    assert refusal(**chosen).startswith(sentence)


def test_every_wrong_setting_is_named() -> None:
    said = refusal(port=-1, workers=-1)
    assert "READINGROOM_PORT" in said
    assert "READINGROOM_WORKERS" in said


@given(
    st.sampled_from(["port", "trusted_proxies", "public_url", "log_level"]),
    st.from_regex(r"[A-Z]{12}", fullmatch=True),
)
def test_no_value_is_repeated(name: str, value: str) -> None:
    assert value not in refusal(**{name: value})


def test_secrets_come_from_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    (tmp_path / "database").write_text("postgresql://archive:hunter2@db/archive\n")
    monkeypatch.setenv("READINGROOM_OWNER_TOKEN_FILE", str(tmp_path / "token"))
    settings = Settings.load(database_file=tmp_path / "database")
    assert settings.owner_token
    assert settings.owner_token.get_secret_value() == TOKEN
    assert settings.database_url == "postgresql://archive:hunter2@db/archive"


def test_a_secret_is_given_once(tmp_path: Path) -> None:
    (tmp_path / "token").write_text(TOKEN)
    said = refusal(owner_token=TOKEN, owner_token_file=tmp_path / "token")
    assert said == "set READINGROOM_OWNER_TOKEN or READINGROOM_OWNER_TOKEN_FILE, not both."


@pytest.mark.parametrize("content", [None, b"", b" \n", b"\xff\xfe"])
def test_a_secret_file_holds_a_secret(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "token"
    if content is not None:
        path.write_bytes(content)
    assert "READINGROOM_OWNER_TOKEN_FILE" in refusal(owner_token_file=path)


def test_secrets_do_not_show() -> None:
    settings = Settings.load(owner_token=TOKEN, database="postgresql://a:hunter2@db/a", log_key="k" * 32)
    shown = f"{settings} {settings!r} {settings.model_dump_json()}"
    assert not any(secret in shown for secret in (TOKEN, "hunter2", "kkkk"))


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "localhost", "LOCALHOST", "::1", "[::1]"])
def test_loopback(host: str) -> None:
    assert Settings.load(host=host).local_mode
    assert not Settings.load(host=host, owner_token=TOKEN).local_mode


@pytest.mark.parametrize(
    "host", ["0.0.0.0", "::", "", "192.0.2.1", "archive.example", "localhost.example", "127.0.0.1.example"]
)
def test_others_can_reach_it(host: str) -> None:
    settings = Settings(host=host)
    assert not settings.local_mode
    with pytest.raises(Misconfigured, match="set READINGROOM_OWNER_TOKEN "):
        settings.check_servable()
    Settings(host=host, owner_token=TOKEN).check_servable()


OIDC = {"oidc_issuer": "https://sso.example.org", "oidc_client_id": "archive"}


@pytest.mark.parametrize("chosen", [{"accounts": True}, OIDC])
def test_whoever_signs_in_is_not_the_owner_by_being_here(chosen: dict[str, Any]) -> None:
    assert not Settings.load(**chosen).local_mode
    assert Settings.load(**chosen).for_browsers
    Settings.load(host="0.0.0.0", **chosen).check_servable()
    assert not Settings.load(owner_token=TOKEN).for_browsers


@pytest.mark.parametrize("name", list(OIDC))
def test_a_provider_has_an_issuer_and_a_client(name: str) -> None:
    with pytest.raises(Misconfigured, match="OIDC_ISSUER and READINGROOM_OIDC_CLIENT_ID"):
        Settings.load(owner_token=TOKEN, **{name: OIDC[name]}).check_servable()


@pytest.mark.parametrize("issuer", ["http://sso.example.org", "sso.example.org", "ftp://a", ""])
def test_a_provider_is_asked_over_https(issuer: str) -> None:
    with pytest.raises(Misconfigured, match="READINGROOM_OIDC_ISSUER: give the https URL"):
        Settings.load(oidc_issuer=issuer, oidc_client_id="archive")
    assert Settings.load(oidc_issuer="http://127.0.0.1:1", oidc_client_id="a").oidc_issuer


def test_a_short_token_is_no_secret() -> None:
    with pytest.raises(Misconfigured, match="at least 16 characters"):
        Settings.load(owner_token="admin").check_servable()


def test_proxies_need_sign_in() -> None:
    with pytest.raises(Misconfigured, match="TRUSTED_PROXIES"):
        Settings.load(trusted_proxies="10.0.0.0/8").check_servable()
    Settings.load(trusted_proxies="10.0.0.0/8", owner_token=TOKEN).check_servable()


def test_another_process_loads_equal_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "token").write_text(TOKEN)
    settings = Settings.load(
        data="relative", viewer="ohif", port=9000, workers=2, max_instance_bytes="1GiB",
        trusted_proxies="10.0.0.0/8,::1", owner_token_file=tmp_path / "token",
        database="postgresql://a:b@c/d", log_key="secret", accounts=True, oidc_client_secret="hidden",
        oidc_issuer="https://sso.example.org", oidc_client_id="archive",
    )  # fmt: skip
    environment = settings.environment()
    assert TOKEN not in environment.values()
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    assert Settings.load() == settings


def test_settings_do_not_change() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Settings.load().port = 1


def test_an_account_at_datacite_is_whole() -> None:
    account = {
        "datacite_repository": "ABCD.ARCHIVE",
        "datacite_password": "hunter2",
        "datacite_prefix": "10.12345",
        "public_url": "https://archive.example.org",
    }
    Settings.load(**account).check_servable()
    for missing in account:
        with pytest.raises(Misconfigured, match="READINGROOM_DATACITE_PREFIX") as wrong:
            Settings.load(**{**account, missing: None}).check_servable()
        assert "hunter2" not in wrong.value.detail
    assert refusal(datacite_prefix="11.1").startswith("READINGROOM_DATACITE_PREFIX")
    assert refusal(datacite_url="ftp://a").startswith("READINGROOM_DATACITE_URL")
    assert refusal(publisher_ror="https://ror.org/x").startswith("READINGROOM_PUBLISHER_ROR")
