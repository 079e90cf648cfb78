"""Media types in Content-Type and Accept (RFC 9110 sections 8.3 and 12.5.1, RFC 2045, RFC 2387)."""

import re
from dataclasses import dataclass
from functools import lru_cache

from app.errors import InvalidRequest
from app.wire.fields import TOKEN, Parameters, bounded, members, parameters, weight

#: A lone `*` is what Java's own HTTP client sends for `*/*`.
_TYPE = re.compile(rf"{TOKEN}/{TOKEN}|\*(?=[ \t;]|$)")
_ABOUT_THE_WHOLE = frozenset({"type", "boundary", "start", "start-info", "q"})


@dataclass(frozen=True, slots=True)
class MediaType:
    """A media type or range: type and parameter names in lower case; repeated parameters kept, in order."""

    type: str
    params: Parameters = ()

    def get(self, name: str) -> str | None:
        """The first parameter of this (lower-case) name."""
        return next((value for key, value in self.params if key == name), None)

    def all(self, name: str) -> tuple[str, ...]:
        """Every parameter of this (lower-case) name: clients send `transfer-syntax` twice."""
        return tuple(value for key, value in self.params if key == name)

    @property
    def part(self) -> "MediaType":
        """What each part of a multipart/related body is: its `type` parameter, `*/*` where there is none.

        Parameters count for the parts wherever they stand: `type="image/jls"; transfer-syntax=1.2` and
        `type="image/jls; transfer-syntax=1.2"` say the same. A `type` that is no media type stays as written.
        """
        wanted = self.get("type") or "*/*"
        outer = tuple(pair for pair in self.params if pair[0] not in _ABOUT_THE_WHOLE)
        root = _understood(wanted) or MediaType(wanted.lower())
        return MediaType(root.type, root.params + outer)


@lru_cache(maxsize=256)
def parse(text: str) -> MediaType:
    """One media type, as in Content-Type. Raises InvalidRequest when it is none, or longer than 16 kB."""
    text = bounded(text).strip()
    match = _TYPE.match(text)
    pairs = parameters(text, match.end()) if match else None
    if match is None or pairs is None:
        raise InvalidRequest("A media type cannot be understood: write it as type/subtype; name=value.")
    return MediaType("*/*" if match[0] == "*" else match[0].lower(), pairs)


@lru_cache(maxsize=256)
def parse_accept(text: str) -> tuple[tuple[MediaType, float], ...]:
    """The ranges of an Accept field with their weights, in the order sent.

    A member that cannot be understood is left out, so that one odd alternative never spoils the others.
    Raises InvalidRequest only for a field longer than 16 kB.
    """
    found = []
    for member in members(text):
        media_type = _understood(member)
        quality = weight(media_type.params) if media_type else None
        if media_type is not None and quality is not None:
            found.append((media_type, quality))
    return tuple(found)


def _understood(text: str) -> MediaType | None:
    try:
        return parse(text)
    except InvalidRequest:
        return None
