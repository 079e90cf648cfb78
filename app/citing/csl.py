"""CSL-JSON: what citation processors read (https://citeproc-js.readthedocs.io/en/latest/csl-json)."""

from typing import Any

from app.citing.work import Name, Work


def item(work: Work) -> dict[str, Any]:
    """One item; what is empty is left out."""
    day = work.issued
    made: dict[str, Any] = {
        "id": work.doi or work.url,
        "type": "dataset",
        "title": work.title,
        "title-short": work.short_name,
        "author": [_name(each) for each in work.authors],
        "issued": {"date-parts": [[day.year, day.month, day.day]]} if day else None,
        "publisher": work.publisher.name,
        "DOI": work.doi,
        "URL": work.link,
        "version": work.version,
        "abstract": work.summary,
        "license": " AND ".join(each.id for each in work.licences),
        "language": "en",
    }
    return {name: value for name, value in made.items() if value}


def _name(name: Name) -> dict[str, str]:
    parts = name.parts
    return {"family": parts[0], "given": parts[1]} if parts else {"literal": name.name}
