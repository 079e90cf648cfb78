"""Which of the forms that can be sent answers a request best (RFC 9110 section 12.5.1, PS3.18 section 8.7).

What the client wrote               admits
----------------------------------- ------------------------------------------------------------------------
nothing, or only empty members      as `*/*`
`*/*`, `*`                          every offer, multipart or not
`image/*`                           single-part offers of that kind
`image/jpeg`                        single-part offers of that type, or with it among their aliases
`multipart/related; type="image/*"` the same among the multipart offers
`multipart/related`, `multipart/*`  every multipart offer, as with `type="*/*"`
`transfer-syntax=UID`               offers in exactly that transfer syntax
`transfer-syntax=*`                 offers marked `stored`
several `transfer-syntax`           what any one of them admits
no `transfer-syntax`                offers marked `default`, or, under a range with a wildcard, `stored`
any other parameter                 (has no meaning here)
`?accept=`                          replaces the Accept header altogether

An offer without a transfer syntax (JSON, a PDF, a rendered picture) is not narrowed by `transfer-syntax`.
The most exact range that admits an offer gives it its weight, so `q=0` takes one form out of a wider range.
The heaviest offer wins; among equals one that was named wins over one that only a wildcard admits; then the
caller's order.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from app.errors import NotAcceptable
from app.wire.media_types import MediaType, parse_accept

#: A `+` that stood in a query string unescaped was decoded to a space: `application/dicom json`.
_LOST_PLUS = re.compile(r"(?<=/)([\w.-]+) (?=\w)")


@dataclass(frozen=True, slots=True)
class Offer:
    """One form in which a resource can be sent. `name` is the caller's own word for it.

    `media_type` is that of the body, or of each part when `multipart`; `aliases` are other names under which
    clients ask for it. `transfer_syntax` is a UID, or None where there is none to choose. `default` marks
    what is meant by the media type alone, `stored` what is meant by `transfer-syntax=*`; an offer may be both
    or neither.
    """

    name: str
    media_type: str
    multipart: bool = False
    transfer_syntax: str | None = None
    default: bool = False
    stored: bool = False
    aliases: tuple[str, ...] = ()

    @property
    def content_type(self) -> str:
        """The Content-Type of the body, or of each part."""
        suffix = f"; transfer-syntax={self.transfer_syntax}" if self.transfer_syntax else ""
        return self.media_type + suffix

    def __str__(self) -> str:
        """What to write into Accept to be sent this."""
        if not self.multipart:
            return self.content_type
        suffix = f"; transfer-syntax={self.transfer_syntax}" if self.transfer_syntax else ""
        return f'multipart/related; type="{self.media_type}"{suffix}'


def choose(accept: str | None, query_accept: Sequence[str], offers: Sequence[Offer]) -> Offer:
    """The offer that answers the Accept header and the values of `?accept=` best, by the table above.

    `offers` stand in the order that the archive itself prefers. Raises NotAcceptable, naming what is offered,
    when none is acceptable, and InvalidRequest for a header or parameter longer than 16 kB.
    """
    asked = _LOST_PLUS.sub(r"\1+", ",".join(query_accept))
    ranges = _ranges(asked if asked.strip(" \t,") else accept or "")
    rated = [(_rate(ranges, offer), offer) for offer in offers]
    rating, best = max(rated, key=lambda pair: pair[0], default=(_REFUSED, None))
    if best is None or rating == _REFUSED:
        offered = tuple(str(offer) for offer in offers)
        raise NotAcceptable(f"What can be sent here is: {', '.join(offered) or 'nothing'}.", offered)
    return best


@dataclass(frozen=True, slots=True)
class _Range:
    """One member of Accept. `multipart` is None where both forms will do."""

    multipart: bool | None
    type: str
    syntaxes: frozenset[str]
    weight: float


#: How exactly a range names an offer: its form, its media type, its transfer syntax. Greater is more exact.
_Exactness = tuple[int, int, int]
#: The weight of an offer, then how exactly its form and media type were named.
_Rating = tuple[float, int, int]
_REFUSED: _Rating = (0.0, 0, 0)


@lru_cache(maxsize=256)
def _ranges(accept: str) -> tuple[_Range, ...]:
    return tuple(_range(*asked) for asked in parse_accept(accept if accept.strip(" \t,") else "*/*"))


def _range(media_type: MediaType, weight: float) -> _Range:
    multipart = media_type.type in ("multipart/related", "multipart/*")
    wanted = media_type.part if multipart else media_type
    syntaxes = frozenset(uid.strip() for uid in wanted.all("transfer-syntax")) - {""}
    return _Range(None if media_type.type == "*/*" else multipart, wanted.type, syntaxes, weight)


def _rate(ranges: tuple[_Range, ...], offer: Offer) -> _Rating:
    admitting = ((exactness, asked.weight) for asked in ranges if (exactness := _admits(asked, offer)))
    (form, kind, _), weight = max(admitting, default=((0, 0, 0), 0.0))
    return (weight, form, kind) if weight else _REFUSED


def _admits(asked: _Range, offer: Offer) -> _Exactness | None:
    if asked.multipart not in (None, offer.multipart):
        return None
    kind = _names_type(asked.type, offer)
    syntax = _names_syntax(asked, offer)
    return None if kind is None or syntax is None else (int(asked.multipart is not None), kind, syntax)


def _names_type(wanted: str, offer: Offer) -> int | None:
    if wanted == offer.media_type or wanted in offer.aliases:
        return 2
    if wanted.endswith("/*") and offer.media_type.startswith(wanted[:-1]):
        return 1
    return 0 if wanted == "*/*" else None


def _names_syntax(asked: _Range, offer: Offer) -> int | None:
    if offer.transfer_syntax is None:
        return 0
    if offer.transfer_syntax in asked.syntaxes:
        return 2
    if "*" in asked.syntaxes and offer.stored:
        return 1
    if asked.syntaxes:
        return None
    return 0 if offer.default or (offer.stored and asked.type.endswith("/*")) else None
