"""How `app/deid/tables/medical-words.txt` is made: `python -m tests.deid.vocabulary_source` writes it anew.

The words of pydicom's concepts (their meanings), of the attributes' names and of the defined terms of body
parts. Eponyms must not be among them: a patient called Wilson is likelier than the disease. SNOMED writes its
meanings in sentence case, so a word that is only ever capitalised inside a meaning is a name; of those that
only begin meanings, the names are listed in `eponyms.txt`.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from textwrap import fill

from pydicom.datadict import DicomDictionary
from pydicom.sr._cid_dict import name_for_cid
from pydicom.sr._concepts_dict import concepts

TABLE = Path(__file__).parent.parent.parent / "app/deid/tables/medical-words.txt"
_WORD = re.compile(r"[A-Za-z]{2,}")
#: Context groups of names: breeds, species, registries, countries.
_NAMES = re.compile("Breed|Species|Registr|Countr|Language")
_TITLE_CASE = {"DCM", "IBSI", "MDC", "LN", "UMLS", "NCIt", "RADLEX"}
EPONYMS = frozenset((Path(__file__).parent / "eponyms.txt").read_text("utf-8").split())


def words() -> list[str]:
    """Every guarded word, folded and sorted."""
    lower, title, inside = set[str](), set[str](), set[str]()
    for scheme, meaning in _meanings():
        for place, word in enumerate(_WORD.findall(meaning)):
            if word.islower() or word.isupper():
                lower.add(word.lower())
            elif place == 0 or scheme in _TITLE_CASE:
                title.add(word.lower())
            else:
                inside.add(word.lower())
    return sorted((lower | (title - (inside - lower)) | _attributes()) - EPONYMS)


def _meanings() -> Iterator[tuple[str, str]]:
    named = {cid for cid, name in name_for_cid.items() if _NAMES.search(name)}
    for scheme, concepts_of_scheme in concepts.items():
        for codes in concepts_of_scheme.values():
            yield from ((scheme, meaning) for meaning, cids in codes.values() if not named & set(cids))


def _attributes() -> set[str]:
    names = (entry[2] for entry in DicomDictionary.values() if not entry[3])
    return {word.lower() for name in names for word in _WORD.findall(name)}


def write() -> None:
    """Write the table anew."""
    TABLE.write_text(fill(" ".join(words()), 110) + "\n", encoding="utf-8")


if __name__ == "__main__":
    write()
