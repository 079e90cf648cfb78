"""The citation as text, in the form that DataCite recommends: APA's, seventh edition."""

from collections.abc import Sequence

from app.citing.work import Name, Work, one_line

#: More authors than this are cut short.
MOST = 20


def text(work: Work) -> str:
    """Authors (year). Title (Version n) [Data set]. Publisher. Address"""
    version = f" (Version {work.version})" if work.version else ""
    title = f"{work.title}{version} [Data set]."
    year = f"({work.year})."
    whose = [_ended(authors(work.authors)), year, title] if work.authors else [title, year]
    return one_line(" ".join([*whose, _ended(work.publisher.name), work.link]))


def authors(names: Sequence[Name]) -> str:
    """`Doe, J., & Roe, R. M.`; of more than twenty the first nineteen and the last."""
    shown = [_name(each) for each in names]
    if len(shown) > MOST:
        return f"{', '.join(shown[: MOST - 1])}, … {shown[-1]}"
    return ", & ".join(filter(None, [", ".join(shown[:-1]), shown[-1]]))


def _name(name: Name) -> str:
    if not (parts := name.parts):
        return name.name
    family, given = parts
    return f"{family}, {' '.join(_initial(each) for each in given.split())}"


def _initial(given: str) -> str:
    return "-".join(f"{part[0].upper()}." for part in given.split("-") if part)


def _ended(text: str) -> str:
    return text if text.endswith(".") else f"{text}."
