"""Names of months, as header texts have them, and the way back to them."""

import re

#: Each language's names, long and short, from January on.
_LANGUAGES = (
    (
        "january february march april may june july august september october november december",
        "jan feb mar apr may jun jul aug sep oct nov dec",
    ),
    (
        "januar februar märz april mai juni juli august september oktober november dezember",
        "jan feb mär apr mai jun jul aug sep okt nov dez",
    ),
    (
        "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
        "janv févr mars avr mai juin juil août sept oct nov déc",
    ),
    (
        "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
        "ene feb mar abr may jun jul ago sep oct nov dic",
    ),
    (
        "gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre",
        "gen feb mar apr mag giu lug ago set ott nov dic",
    ),
    (
        "januari februari maart april mei juni juli augustus september oktober november december",
        "jan feb mrt apr mei jun jul aug sep okt nov dec",
    ),
    (
        "janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro",
        "jan fev mar abr mai jun jul ago set out nov dez",
    ),
)
_Names = dict[str, tuple[int, tuple[str, ...]]]


def _known(length: int) -> _Names:
    """Months by name, with the names of the list; the first language that has a name gives its list."""
    lists = [tuple(language[length].split()) for language in reversed(_LANGUAGES)]
    return {name: (month, names) for names in lists for month, name in enumerate(names, 1)}


_LONG, _SHORT = _known(0), _known(1)
_KNOWN = _SHORT | {"sept": (9, _SHORT["sep"][1])} | _LONG
#: Names that a day may stand beside without a year and still be a date, however written: no other words, no
#: acronyms (MAR, SEP). Of the others the capitalised ones are dates but for words of other meanings.
_PLAIN = {name for name in _KNOWN if len(name) > 3} | {
    "jan",
    "feb",
    "apr",
    "jun",
    "jul",
    "aug",
    "oct",
    "nov",
    "okt",
}
_PLAIN -= {"march", "mars", "maart", "avril"}
_NEVER = {"set", "mag", "out", "gen", "ott", "ago", "dic", "mai"}

PATTERN = "|".join(sorted(map(re.escape, _KNOWN), key=lambda name: (-len(name), name)))


def number(name: str) -> int:
    """The month of this name, from 1; 0 if it is none."""
    return _KNOWN[name.lower()][0] if name.lower() in _KNOWN else 0


def is_plain(name: str) -> bool:
    """Whether this name means a month wherever a day stands beside it."""
    return name.lower() in _PLAIN or (name.istitle() and name.lower() not in _NEVER)


def like(name: str, month: int, short: bool) -> str:
    """The name of another month in the language, length and case of `name`; `short` where it may be both."""
    tables = (_SHORT, _LONG, _KNOWN) if short else (_LONG, _SHORT, _KNOWN)
    found = next(table[name.lower()] for table in tables if name.lower() in table)[1][month - 1]
    if name.isupper():
        return found.upper()
    return found.capitalize() if name[:1].isupper() else found
