from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.access.addresses import own_path
from app.access.secrets import LINK, PERSONAL, SESSION, digest, make, token_of


def test_secrets_are_long_and_tell_their_kind() -> None:
    for kind in (PERSONAL, LINK, SESSION):
        made = {make(kind) for _ in range(100)}
        assert len(made) == 100
        assert all(each.startswith(kind) and len(each) == len(kind) + 43 for each in made)
    assert not any(
        a.startswith(b) for a in (PERSONAL, LINK, SESSION) for b in (PERSONAL, LINK, SESSION) if a != b
    )


def test_a_secret_is_nowhere_in_its_digest() -> None:
    assert digest("rr_a") != digest("rr_b")
    assert len(digest("\ud800")) == 32


@pytest.mark.parametrize(
    ("header", "token"),
    [
        ("Bearer rr_a", "rr_a"),
        ("bearer   rr_a ", "rr_a"),
        ("Bearer", ""),
        ("Basic " + b64encode(b"anybody:rr_a").decode(), "rr_a"),
        ("basic " + b64encode(b":rrl_a:b").decode(), "rrl_a:b"),
        ("Basic " + b64encode(b"owner:password").decode(), ""),
        ("Basic " + b64encode(b"a:rrs_session").decode(), ""),
        ("Basic " + b64encode(b"rr_a").decode(), ""),
        ("Basic " + b64encode(b"a:rr_\xff").decode(), ""),
        ("Basic x", ""),
        ("rr_a", ""),
        ("Digest rr_a", ""),
    ],
)
def test_the_token_of_a_header(header: str, token: str) -> None:
    assert token_of(header) == token


@given(st.text(max_size=200))
def test_any_header_is_some_token(header: str) -> None:
    for scheme in ("", "Basic ", "Bearer "):
        token_of(scheme + header)


@pytest.mark.parametrize(
    "path", ["/", "/viewer", "/a?b=c&d=/e", "/a//b", "/a%0d%0ab", "/collections/a/viewer?x=1,2"]
)
def test_paths_of_ours(path: str) -> None:
    assert own_path(path, "/other") == path


@given(st.text(max_size=80) | st.from_regex(r"\A[/\\]{0,3}[a-z:/\\@.\s\x00]{0,20}\Z"))
def test_nothing_else_is_ours(text: str) -> None:
    kept = own_path(text, "/other")
    assert kept.startswith("/")
    assert not kept.startswith(("//", "/\\"))
    assert kept.isascii()
    assert kept.isprintable()
    assert not set(kept) & set("\\ ")
    assert kept in {text, "/other"}
