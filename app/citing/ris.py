"""RIS: tagged lines, as reference managers import them."""

from collections.abc import Iterator

from app.citing.work import Name, Work, one_line


def reference(work: Work) -> str:
    """One reference of the type DATA."""
    lines = [f"{tag}  - {one_line(value)}".rstrip(" ") for tag, value in _tagged(work) if one_line(value)]
    return "\r\n".join([*lines, "ER  - ", ""])


def _tagged(work: Work) -> Iterator[tuple[str, str]]:
    yield "TY", "DATA"
    yield "TI", work.title
    for author in work.authors:
        yield "AU", _name(author)
    if work.issued:
        yield "PY", str(work.issued.year)
        yield "DA", f"{work.issued:%Y/%m/%d}"
    yield "PB", work.publisher.name
    yield "DO", work.doi
    yield "UR", work.link
    yield "ET", work.version
    yield "AB", work.summary
    for subject in work.subjects:
        yield "KW", subject.text


def _name(name: Name) -> str:
    return ", ".join(name.parts) if name.parts else name.name
