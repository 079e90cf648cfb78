"""BibTeX: one entry, in UTF-8."""

import re
from collections.abc import Iterator

from app.citing.work import Name, Work, one_line

#: What means something to TeX, and how it is written that it does not.
_ESCAPED = {
    "\\": r"\textbackslash{}",
    # BibTeX counts every brace, escaped or not.
    "{": r"\textbraceleft{}",
    "}": r"\textbraceright{}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
}
_ESCAPING = str.maketrans(_ESCAPED)


def entry(work: Work) -> str:
    """`@misc`, which every style knows; its address stands as it is, as BibTeX's styles do not escape it."""
    lines = [f"  {name} = {{{value}}}" for name, value in _fields(work) if value]
    return ",\n".join([f"@misc{{{_key(work)}", *lines]) + "\n}\n"


def _fields(work: Work) -> Iterator[tuple[str, str]]:
    yield "title", f"{{{escaped(work.title)}}}" if work.title else ""
    yield "author", " and ".join(_name(each) for each in work.authors)
    yield "year", str(work.issued.year) if work.issued else ""
    yield "publisher", escaped(work.publisher.name)
    yield "version", escaped(work.version)
    yield "doi", _verbatim(work.doi)
    yield "url", _verbatim(work.link)
    yield "copyright", escaped(", ".join(each.name for each in work.licences))


def escaped(text: str) -> str:
    """The text in one line, as TeX shows it."""
    return one_line(text).translate(_ESCAPING)


def _verbatim(address: str) -> str:
    """An address, in which braces would end the field."""
    return re.sub(r"[{}\\\s]", lambda found: f"%{ord(found[0]):02X}", address)


def _name(name: Name) -> str:
    # Braces keep together what is no person's name, and its `and`.
    parts = name.parts
    return ", ".join(map(_part, parts)) if parts else f"{{{escaped(name.name)}}}"


def _part(part: str) -> str:
    text = escaped(part)
    return f"{{{text}}}" if re.search(r",|(?i:\band\b)", text) else text


def _key(work: Work) -> str:
    named = [work.slug, work.version and f"v{work.version}", str(work.issued.year) if work.issued else ""]
    return re.sub(r"[^A-Za-z0-9._-]", "", "-".join(filter(None, named))) or "dataset"
