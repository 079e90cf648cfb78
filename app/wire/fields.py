"""The grammar that header fields share: lists, parameters, weights (RFC 9110 sections 5.6 and 12.4.2).

Every expression here runs in time linear in its input. Where real clients bend the grammar (spaces around
`=`, unquoted values with `/`, a parameter without a value), the bent form is understood.
"""

import re

from app.errors import InvalidRequest

MAX_FIELD = 16 * 1024

Parameters = tuple[tuple[str, str], ...]

TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # noqa: S105 (the grammar's word, not a secret)
_QUOTED = r'(?:[^"\\\x00-\x08\x0a-\x1f\x7f]|\\[^\x00-\x08\x0a-\x1f\x7f])*'
_PLAIN = r'[^\s;"\x00-\x1f\x7f]+'
_PARAMETER = re.compile(
    rf'[ \t]*;[ \t]*(?:(?P<name>{TOKEN})[ \t]*(?:=[ \t]*(?:"(?P<quoted>{_QUOTED})"|(?P<plain>{_PLAIN}))?)?)?'
)
_QUOTED_PAIR = re.compile(r"\\(.)", re.DOTALL)
#: An unterminated quoted string runs to the end of the field: its member is then found to be malformed.
_MEMBER = re.compile(r'(?:[^",]|"(?:[^"\\]|\\.)*"?)+', re.DOTALL)
_WEIGHT = re.compile(r"[0-9]{1,9}(?:\.[0-9]{0,9})?|\.[0-9]{1,9}")


def bounded(text: str) -> str:
    """The field value itself; raises InvalidRequest when it is longer than 16 kB."""
    if len(text) > MAX_FIELD:
        raise InvalidRequest(f"A header or parameter is longer than {MAX_FIELD} characters.")
    return text


def members(text: str) -> list[str]:
    """The members of a comma-separated list, without the empty ones; a comma in quotes does not split."""
    found = (member.strip() for member in _MEMBER.findall(bounded(text)))
    return [member for member in found if member]


def parameters(text: str, start: int = 0) -> Parameters | None:
    """The `;name=value` pairs from `start` to the end of `text`, names in lower case, repeated ones kept.

    None when something else stands there.
    """
    pairs = []
    while match := _PARAMETER.match(text, start):
        start = match.end()
        name, quoted, plain = match.group("name", "quoted", "plain")
        if name:
            pairs.append((name.lower(), (plain or "") if quoted is None else _QUOTED_PAIR.sub(r"\1", quoted)))
    return None if text[start:].strip() else tuple(pairs)


def weight(pairs: Parameters) -> float | None:
    """The `q` among parameters, from 0 to 1; 1 when absent, None when it is not a number."""
    text = next((value for name, value in pairs if name == "q"), "1")
    return min(float(text), 1.0) if _WEIGHT.fullmatch(text) else None
