"""Markdown in (CommonMark with tables), safe HTML out: what people write stands on pages of ours."""

from functools import lru_cache

import nh3
from markdown_it import MarkdownIt
from markdown_it.token import Token

#: Below the headings of the page it stands on.
_LEVELS_DOWN = 2
_TAGS = frozenset(
    {
        *("a", "blockquote", "br", "code", "em", "h3", "h4", "h5", "h6", "hr", "li", "ol", "p", "pre"),
        *("strong", "table", "tbody", "td", "th", "thead", "tr", "ul"),
    }
)
_ATTRIBUTES = {"a": {"href", "title"}, "ol": {"start"}}
_SCHEMES = frozenset({"http", "https", "mailto"})
#: Renderings that are kept: those of the collections that are looked at most.
_KEPT = 256


@lru_cache(_KEPT)
def to_html(markdown: str) -> str:
    """The HTML of the text. Tags in it are text; pictures are left out: they would tell others who reads."""
    tokens = _PARSER.parse(markdown)
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(6, int(token.tag[1:]) + _LEVELS_DOWN)}"
    made: str = _PARSER.renderer.render(tokens, _PARSER.options, {})
    return nh3.clean(made, tags=set(_TAGS), attributes=_ATTRIBUTES, url_schemes=set(_SCHEMES))


_PARSER = MarkdownIt("commonmark", {"html": False}).enable("table")


@lru_cache(_KEPT)
def to_text(markdown: str) -> str:
    """The text without its marks; blocks are lines of their own."""
    lines = []
    for token in _PARSER.parse(markdown):
        if token.type == "inline":
            lines.append("".join(_plain(each) for each in token.children or ()))
        elif token.type in ("code_block", "fence"):
            lines.append(token.content.rstrip("\n"))
    return "\n".join(lines)


def _plain(token: Token) -> str:
    return "\n" if token.type in ("softbreak", "hardbreak") else token.content
