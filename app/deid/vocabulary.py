"""Words that stay in a text although somebody may be called so: Brain, Long, White, Best.

The rule: a word of this vocabulary is taken for a name only where it stands as one: next to another part of
the same person's name, behind a title or a label such as `Name:`, or in DICOM's own form with `^`. Any other
word of a harvested name goes wherever it stands.
"""

from functools import cache
from importlib.resources import files

from app.deid.folding import fold

_TABLES = files("app.deid") / "tables"


def _read(name: str) -> frozenset[str]:
    lines = (_TABLES / name).read_text("utf-8").splitlines()
    return frozenset(word for line in lines if not line.startswith("#") for word in line.split())


#: What marks the "person" of a header as none: `ACR^Phantom`, `Test^Patient`, `Anonymous`.
NOBODY = _read("nobody-words.txt")
#: Words that name what kind of institution it is, or are too common to tell one from another.
GENERIC = _read("generic-words.txt")
#: Particles of surnames; alone they are words of many languages.
PARTICLES = _read("particles.txt")


@cache
def _words() -> frozenset[str]:
    return _read("medical-words.txt") | _common() | PARTICLES | NOBODY


@cache
def _common() -> frozenset[str]:
    return _read("common-words.txt")


def is_common(word: str) -> bool:
    """Whether this folded word is so common that even a title before it makes no name of it."""
    return word in _common()


def is_ordinary(word: str) -> bool:
    """Whether this folded word means something other than a person; simple plurals of such words do too."""
    words = _words()
    if word in words:
        return True
    return len(word) > 3 and word.endswith("s") and (word[:-1] in words or word.removesuffix("es") in words)


def is_nobody(name: str) -> bool:
    """Whether a PN value names a phantom or no one."""
    words = fold(name).words()
    return not words or (bool(NOBODY & set(words)) and all(is_ordinary(word) for word in words))
