"""The guarded words are what the rule makes of pydicom's terms, and say no more than they should."""

import pytest

from app.deid.vocabulary import NOBODY, is_nobody, is_ordinary
from tests.deid import vocabulary_source


def test_the_table_is_what_its_source_makes() -> None:
    assert vocabulary_source.TABLE.read_text(encoding="utf-8").split() == vocabulary_source.words()


@pytest.mark.parametrize(
    "word",
    [
        "long",
        "brain",
        "white",
        "best",
        "head",
        "young",
        "sternum",
        "lungs",
        "flair",
        "gadolinium",
        "ct",
        "phantom",
    ],
)
def test_medical_words_are_guarded(word: str) -> None:
    assert is_ordinary(word)


@pytest.mark.parametrize(
    "word", ["smith", "jones", "wilson", "muller", "garcia", "nguyen", "wang", "anna", "parkinson", "kennedy"]
)
def test_names_are_not(word: str) -> None:
    assert not is_ordinary(word)


@pytest.mark.parametrize(
    "name", ["ACR^Phantom", "QA", "Test^Patient", "Anonymous", "", "12345", "PHANTOM^HEAD"]
)
def test_phantoms_are_nobody(name: str) -> None:
    assert is_nobody(name)


@pytest.mark.parametrize("name", ["Smith^Test", "Long^Head", "Best^George"])
def test_people_are_somebody(name: str) -> None:
    assert not is_nobody(name)


def test_no_word_of_nobody_is_a_name() -> None:
    assert all(map(is_ordinary, NOBODY))
