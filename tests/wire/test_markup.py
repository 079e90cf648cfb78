"""Markdown becomes HTML of which a browser runs nothing."""

from html.parser import HTMLParser
from urllib.parse import urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.wire.markup import to_html, to_text

PIECES = (
    *(
        "<script>alert(1)</script>",
        "[a](javascript:alert(1))",
        "[a](JaVaScRiPt:alert(1))",
        "<img src=x onerror=y>",
    ),
    *(
        "![i](https://e.org/i.png)",
        "[a]( data:text/html,x )",
        "<a href='javascript:x'>",
        "[a]: javascript:x",
        "[a]",
    ),
    *(
        "<https://e.org>",
        "<javascript:x>",
        "|a|b|\n|-|-|\n|1|2|",
        "# H",
        "> q",
        "- l",
        "`c`",
        "\n\n",
        "&#106;avascript",
    ),
    *("\u202e", "</p>", "<style>*{}</style>", "[a](https://e.org 'onclick=x')", "```\n<b>\n```", "\0"),
)


class Tags(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.found = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))


@settings(deadline=None, max_examples=150)
@given(st.lists(st.sampled_from(PIECES) | st.text(max_size=8), max_size=8).map("".join))
def test_nothing_runs(markdown):
    for tag, attributes in Tags(to_html(markdown)).found:
        assert tag not in ("script", "style", "img", "iframe", "object", "form", "input", "svg", "h1", "h2")
        assert attributes.keys() <= {"href", "title", "rel", "start"}
        if "href" in attributes:
            assert urlsplit(attributes["href"]).scheme in ("http", "https", "mailto", "")
            assert "noopener" in attributes["rel"]


@pytest.mark.parametrize(
    ("markdown", "html"),
    [
        ("", ""),
        ("*a* **b** `c`", "<p><em>a</em> <strong>b</strong> <code>c</code></p>\n"),
        ("# a", "<h3>a</h3>\n"),
        ("###### a", "<h6>a</h6>\n"),
        ("3. a", '<ol start="3">\n<li>a</li>\n</ol>\n'),
        ("a < b & c", "<p>a &lt; b &amp; c</p>\n"),
    ],
)
def test_forms(markdown, html):
    assert to_html(markdown) == html


@pytest.mark.parametrize(
    ("markdown", "text"),
    [
        ("", ""),
        ("CT of the *chest*, [here](https://a.example) & `there`.", "CT of the chest, here & there."),
        ("# One\n\ntwo\nthree\n\n- four\n- five", "One\ntwo\nthree\nfour\nfive"),
        ("    code\n", "code"),
        ("<b>a</b>", "<b>a</b>"),
    ],
)
def test_text_without_marks(markdown, text):
    assert to_text(markdown) == text
