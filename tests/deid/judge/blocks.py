"""Whether private elements and those who reserve their blocks still belong together (PS3.5 section 7.8.1)."""

from collections.abc import Iterator

from pydicom import Dataset
from pydicom.tag import Tag

from tests.deid.judge.cases import Case
from tests.deid.judge.paths import items, read


def blocks(case: Case) -> Iterator[str]:
    """Creators of nothing and elements of nobody, in an output, at any depth."""
    if case.after is not None:
        yield from _blocks(case.after, "")


def _blocks(dataset: Dataset, prefix: str) -> Iterator[str]:
    private = [tag for tag in dataset.keys() if tag.is_private]  # noqa: SIM118 — iterating a data set reads it
    creators = {tag for tag in private if 0x10 <= tag.element <= 0xFF}
    reserved = {Tag(tag.group, tag.element >> 8) for tag in private if tag.element > 0xFF}
    yield from (f"{prefix}{tag} is a creator of nothing" for tag in sorted(creators - reserved))
    yield from (f"{prefix}{tag} is nobody's" for tag in sorted(reserved - creators))
    for tag in sorted(dataset.keys()):
        element = read(dataset, tag)
        for number, item in enumerate(items(element) if element is not None else ()):
            yield from _blocks(item, f"{prefix}{tag}[{number}]")
