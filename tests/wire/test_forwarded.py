"""The public address behind proxies, and what hostile ones may not do to it."""

import re
from ipaddress import ip_network

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.errors import InvalidRequest
from app.wire.forwarded import base_url, is_local_host, is_trusted, sender

TRUSTED = [ip_network("10.0.0.0/8"), ip_network("fd00::/8")]
PROXY, STRANGER = "10.1.2.3", "203.0.113.9"


def url(headers: dict[str, str], client: str | None = PROXY, host: str = "inner:8080", root: str = "") -> str:
    named = {f"x-forwarded-{name}": value for name, value in headers.items() if name != "forwarded"}
    if "forwarded" in headers:
        named["forwarded"] = headers["forwarded"]
    return base_url("http", host, root, client, named, TRUSTED)


@pytest.mark.parametrize(
    ("scheme", "host", "root", "expected"),
    [
        ("http", "localhost:8080", "", "http://localhost:8080"),
        ("http", "Example.ORG", "", "http://example.org"),
        ("https", "example.org:443", "/archive/", "https://example.org/archive"),
        ("http", "example.org:443", "/", "http://example.org:443"),
        ("http", "example.org:80", "", "http://example.org"),
        ("http", "[2001:DB8::1]:8080", "/a", "http://[2001:db8::1]:8080/a"),
        ("http", "10.0.0.1", "", "http://10.0.0.1"),
        ("https", "10.0.0.1:00443", "", "https://10.0.0.1"),
        ("http", "reading_room.local", "", "http://reading_room.local"),
    ],
)
def test_without_proxies(scheme: str, host: str, root: str, expected: str) -> None:
    assert base_url(scheme, host, root, None, {}, []) == expected


NO_HOSTS = [
    *(
        "",
        " ",
        "a b",
        "a/b",
        "a, b",
        "a\r\nX: y",
        "a\n",
        "user@a",
        "a?b",
        "a#b",
        "a\\b",
        "<a>",
        "%41",
        "é",
        "-a",
    ),
    *("a:", "a:x", "a:0", "a:65536", "a:123456", "a:80:80", "[::1", "[x]", "[1.2.3.4]", "::1", "a" * 300),
    "\u212aelvin",
]


@pytest.mark.parametrize("host", NO_HOSTS)
def test_a_host_header_that_is_none_is_refused(host: str) -> None:
    with pytest.raises(InvalidRequest):
        base_url("http", host, "", None, {}, [])


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, "http://inner:8080"),
        ({"proto": "https", "host": "pub.org"}, "https://pub.org"),
        ({"proto": "HTTPS", "host": "pub.org:443"}, "https://pub.org"),
        ({"proto": "https", "host": "pub.org", "port": "8443"}, "https://pub.org:8443"),
        ({"proto": "https", "host": "pub.org", "port": "443"}, "https://pub.org"),
        ({"proto": "https", "host": "pub.org:8443", "port": "443"}, "https://pub.org:8443"),
        ({"host": "[2001:db8::1]", "port": "81"}, "http://[2001:db8::1]:81"),
        ({"host": "pub.org", "prefix": "/archive"}, "http://pub.org/archive"),
        ({"host": "pub.org", "prefix": "/a/b.c/~d/"}, "http://pub.org/a/b.c/~d"),
        ({"host": "pub.org", "prefix": "/"}, "http://pub.org"),
        ({"for": "203.0.113.9"}, "http://inner:8080"),
        # Lists: as far back as the proxies are trusted
        ({"host": "evil.org, pub.org", "for": "203.0.113.9"}, "http://pub.org"),
        ({"host": "evil.org, pub.org", "for": "203.0.113.9, 198.51.100.1"}, "http://pub.org"),
        ({"host": "pub.org, inner.org", "for": "203.0.113.9, 10.9.9.9"}, "http://pub.org"),
        ({"host": "evil.org, pub.org, in.org", "for": "8.8.8.8, 203.0.113.9, 10.9.9.9:55"}, "http://pub.org"),
        ({"host": "pub.org", "for": "10.1.1.1, 10.9.9.9, 10.9.9.8"}, "http://pub.org"),
        ({"proto": "https, http", "host": "pub.org", "for": "203.0.113.9, 10.9.9.9"}, "https://pub.org"),
        ({"proto": "https, http", "host": "pub.org", "for": "203.0.113.9"}, "http://pub.org"),
        # RFC 7239
        ({"forwarded": "proto=https;host=pub.org"}, "https://pub.org"),
        ({"forwarded": 'For="[2001:db8::1]:99"; Proto=https ; Host="pub.org:8443"'}, "https://pub.org:8443"),
        ({"forwarded": "host=evil.org, for=203.0.113.9;host=pub.org"}, "http://pub.org"),
        ({"forwarded": 'for=203.0.113.9;host=pub.org, for="[fd00::1]:8080";host=in.org'}, "http://pub.org"),
        ({"forwarded": "for=_hidden;host=a.org, for=unknown;host=pub.org"}, "http://pub.org"),
        ({"forwarded": "for=10.0.0.1"}, "http://inner:8080"),
        ({"forwarded": "host=evil.org", "host": "pub.org"}, "http://pub.org"),
        ({"forwarded": "rubbish;;=,"}, "http://inner:8080"),
        ({"forwarded": 'host="unterminated'}, "http://inner:8080"),
    ],
)
def test_a_trusted_proxy_is_believed(headers: dict[str, str], expected: str) -> None:
    assert url(headers) == expected


def test_nobody_else_is() -> None:
    said = {
        "proto": "https",
        "host": "evil.org",
        "port": "1",
        "prefix": "/evil",
        "forwarded": "host=evil.org",
    }
    for client in (STRANGER, None, "", "unix:", "::1", "10.0.0.0/8", "10.1.2.3, 1.1.1.1"):
        assert url(said, client) == "http://inner:8080"
        assert url({"forwarded": "host=evil.org"}, client) == "http://inner:8080"


def test_a_prefix_replaces_the_root_path() -> None:
    assert url({"proto": "https"}, root="/archive") == "https://inner:8080/archive"
    assert url({"prefix": "/public"}, root="/archive") == "http://inner:8080/public"


HOSTILE = [
    *(
        "a b",
        "a\r\nX-Evil: y",
        "user@a",
        "a?b",
        "<script>",
        '"',
        "a:99999",
        "é",
        "a%0d%0ab",
        "[::1",
        "a/b",
        "//e.org",
    ),
]


@pytest.mark.parametrize("value", HOSTILE)
def test_hostile_values_are_ignored(value: str) -> None:
    assert url({"host": value}) == "http://inner:8080"
    assert url({"proto": value}) == "http://inner:8080"
    assert url({"port": value}, host="inner") == "http://inner"
    assert url({"prefix": value}, root="/archive") == "http://inner:8080/archive"


@pytest.mark.parametrize(
    "prefix",
    ["//evil.org", "/a//b", "/../a", "/a/..", "/a/./b", "/.", "a", "/a b", "/a?b", "/%2e%2e", "/a\r\nX: y"],
)
def test_prefixes_that_lead_elsewhere_are_ignored(prefix: str) -> None:
    assert url({"prefix": prefix}, root="/archive") == "http://inner:8080/archive"


@pytest.mark.parametrize("proto", ["ftp", "javascript", "wss", "https:", "http s"])
def test_other_schemes_are_ignored(proto: str) -> None:
    assert url({"proto": proto}) == "http://inner:8080"


@settings(deadline=None, max_examples=500)
@given(
    st.dictionaries(
        st.sampled_from(["host", "proto", "port", "prefix", "for", "forwarded"]),
        st.one_of(
            st.text(st.characters(max_codepoint=255), max_size=20),
            st.text(st.sampled_from('ab.:/,;="[]1 \r\n-%'), max_size=20),
            st.sampled_from(["https", "pub.org", "for=10.0.0.1;host=a", "/a", "81", "10.0.0.1, 10.0.0.2"]),
        ),
    )
)
def test_whatever_is_sent_the_address_is_a_url(headers: dict[str, str]) -> None:
    host = r"(?:[a-z0-9_][a-z0-9_.-]*|\[[0-9a-f:.]+\])(?::[1-9][0-9]{0,4})?"
    assert re.fullmatch(rf"https?://{host}(?:/[A-Za-z0-9._~-]+)*", url(headers))


@pytest.mark.parametrize(
    ("client", "trusted"),
    [
        ("10.255.255.255", True),
        ("11.0.0.0", False),
        ("::ffff:10.0.0.1", True),
        ("fd12::1", True),
        ("fe80::1%eth0", False),
        ("testclient", False),
        ("10.0.0.1:123", True),
        ("[fd00::1]:123", True),
        ("[fd00::1]", True),
        ("010.0.0.1", False),
        (None, False),
    ],
)
def test_trust(client: str | None, trusted: bool) -> None:
    assert is_trusted(client, TRUSTED) is trusted


@pytest.mark.parametrize(
    "host", ["localhost", "LocalHost:8080", "127.0.0.1", "127.0.0.1:1", "[::1]", "[::1]:65535"]
)
def test_local_hosts(host: str) -> None:
    assert is_local_host(host)


OTHER_HOSTS = [
    *(
        None,
        "",
        "localhost.evil.com",
        "localhost.",
        "localhost:",
        "localhost:x",
        "localhost:0",
        "localhost:99999",
    ),
    *(
        "localhost\n",
        " localhost",
        "localhost, evil.com",
        "evil.com",
        "127.0.0.1.evil.com",
        "127.0.0.2",
        "127.1",
    ),
    *("::1", "[::1", "[::1].evil.com", "[::2]", "[0:0:0:0:0:0:0:1]", "user@localhost", "localhost@evil.com"),
    *("loca\u017fhost", "localhost/x", "2130706433", "0.0.0.0", "notlocalhost"),
]


@pytest.mark.parametrize("host", OTHER_HOSTS)
def test_other_hosts(host: str | None) -> None:
    assert not is_local_host(host)


@pytest.mark.parametrize(
    ("client", "headers", "address"),
    [
        ("192.0.2.1", {}, "192.0.2.1"),
        ("192.0.2.1", {"x-forwarded-for": "198.51.100.1"}, "192.0.2.1"),
        ("10.0.0.1", {"x-forwarded-for": "198.51.100.1"}, "198.51.100.1"),
        ("10.0.0.1", {"x-forwarded-for": "1.1.1.1, 198.51.100.1, 10.0.0.2"}, "198.51.100.1"),
        ("10.0.0.1", {"x-forwarded-for": "10.0.0.2"}, "10.0.0.1"),
        ("10.0.0.1", {"forwarded": 'for=198.51.100.1;proto=https, for="10.0.0.3:80"'}, "198.51.100.1"),
        ("10.0.0.1", {"forwarded": 'for="[2001:db8::7]:443"'}, "2001:db8::/64"),
        ("10.0.0.1", {"x-forwarded-for": "nonsense"}, ""),
        ("2001:db8::1:2:3:4", {}, "2001:db8::/64"),
        ("::ffff:192.0.2.1", {}, "192.0.2.1"),
        (None, {}, ""),
    ],
)
def test_who_sent_it(client: str | None, headers: dict[str, str], address: str) -> None:
    assert sender(client, headers, [ip_network("10.0.0.0/8")]) == address
