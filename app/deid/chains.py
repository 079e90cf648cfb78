"""Which parts that may be of a name are: the sure ones, and those that stand together as a name."""

import re
from collections.abc import Iterator

from app.deid.folding import Folded
from app.deid.names import NameFinder, Part, Span

_GAP = re.compile(r"[\s,.^_=\-']{0,3}")
#: Not an underscore: `Smith_L` is a label of the left side.
_INITIALS_GAP = re.compile(r"[\s,.^=\-']{0,3}")
_TITLES = "mr|mrs|ms|miss|dr|prof|herr|frau|mme|monsieur|madame|sr|sra|señor|señora"
_CAPITALS = "|".join(title.capitalize() for title in _TITLES.split("|"))
#: `MR` and `DR` are modalities, `MS` a disease: in capitals they are titles with a full stop only.
_TITLE = re.compile(rf"\b(?:(?:{_CAPITALS})\b\.?|(?:{_TITLES.upper()})\.)\s*$")
_LABEL = re.compile(
    r"\b(?:patient(?:'?s)?|pt|pat|subject|(?:sur|fore|last|first|given|family|full|patient)?\s?name|nom|nombre|"
    r"physician|operator|radiologist|technologist|technician|tech|attn)\s*[:=]\s*$|\bname(?:\s+is)?\s+$",
    re.IGNORECASE,
)
#: How far back a title or label is looked for.
_BEFORE = 32
_AFTER = re.compile(r"['’]s\b|[\^=]+", re.IGNORECASE)


def spans(finder: NameFinder, text: str, folded: Folded) -> list[Span]:
    """The ranges of the original text that are names."""
    found = [folded.span(*span) for span in finder.spaceless(folded)]
    for chain in _chains(finder.parts(text, folded), folded.text):
        start, end = folded.span(chain[0].start, chain[-1].end)
        title = _TITLE.search(text[max(0, start - _BEFORE) : start])
        if _is_name(chain, folded.text) or title or _is_marked(text, start, end):
            after = _AFTER.match(text, end)
            found.append((start - (len(title.group()) if title else 0), after.end() if after else end))
    return found


def _chains(parts: list[Part], text: str) -> Iterator[list[Part]]:
    """Parts that stand side by side and may be of one person; an initial or particle alone is none."""
    chain: list[Part] = []
    persons: frozenset[int] = frozenset()
    for part in parts:
        if not (chain and persons & part.persons and _is_beside(chain[-1], part, text)):
            yield from _worth(chain)
            chain, persons = [], part.persons
        chain.append(part)
        persons &= part.persons
    yield from _worth(chain)


def _is_beside(left: Part, right: Part, text: str) -> bool:
    gap = _INITIALS_GAP if left.initial or right.initial else _GAP
    return gap.fullmatch(text, left.end, right.start) is not None


def _worth(chain: list[Part]) -> Iterator[list[Part]]:
    if any(not (part.initial or part.weak) for part in chain):
        yield chain


def _is_name(chain: list[Part], text: str) -> bool:
    """Whether a part is sure, or two words of one name stand together, or a word and its initial do."""
    if any(part.sure for part in chain):
        return True
    words = {text[part.start : part.end] for part in chain if not (part.initial or part.weak)}
    if len(words) > 1:
        return True
    return any(part.initial for part in chain) and _reads_as_name(chain, text)


def _reads_as_name(chain: list[Part], text: str) -> bool:
    """`J. Long`, `J Long`, `Long, J` and `Long^J`, but not `Long J`."""
    return chain[0].initial or any(sign in text[chain[0].end : chain[-1].start] for sign in ",^")


def _is_marked(text: str, start: int, end: int) -> bool:
    """Whether DICOM's delimiter of name components, or a label, says that a name stands here."""
    if text[end : end + 1] == "^" or text[start - 1 : start] == "^":
        return True
    return _LABEL.search(text[max(0, start - _BEFORE) : start]) is not None
