"""The parameters of a raw query string, percent-decoded once (RFC 3986, HTML form encoding)."""

import re
from urllib.parse import unquote_to_bytes

from app.errors import InvalidQuery

_BROKEN_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")
#: More parameters than attributes that can be matched or returned are a mistake or an attack.
MOST = 500


def read(query: bytes) -> list[tuple[str, str]]:
    """Names and values in order; `+` is a space. Raises InvalidQuery for broken escapes and for no UTF-8."""
    pairs = [pair for pair in query.split(b"&") if pair]
    if len(pairs) > MOST:
        raise InvalidQuery(f"There are more than {MOST} parameters; send fewer.")
    if _BROKEN_ESCAPE.search(query):
        raise InvalidQuery(
            "A '%' in the query must be followed by two hexadecimal digits; write '%25' for it."
        )
    return [_decoded(pair) for pair in pairs]


def _decoded(pair: bytes) -> tuple[str, str]:
    name, _, value = pair.replace(b"+", b" ").partition(b"=")
    try:
        return unquote_to_bytes(name).decode(), unquote_to_bytes(value).decode()
    except UnicodeDecodeError:
        raise InvalidQuery("The query must be percent-encoded UTF-8.") from None
