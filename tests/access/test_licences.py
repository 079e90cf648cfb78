"""Licences: what is known, what each permits, and what is said to who names another."""

import pytest

from app.access.licences import LICENCES, described, find
from app.errors import InvalidRequest

ASKED_FOR = (
    *("CC-BY-4.0", "CC-BY-3.0", "CC-BY-NC-4.0", "CC-BY-NC-3.0", "CC0-1.0", "CC-BY-SA-4.0", "CC-BY-ND-4.0"),
    *("CC-BY-NC-SA-4.0", "CC-BY-NC-ND-4.0", "ODbL-1.0", "PDDL-1.0"),
)


@pytest.mark.parametrize("identifier", ASKED_FOR)
def test_known_ones(identifier):
    found = find(identifier)
    assert found.id == identifier
    assert found.url.startswith("https://")
    assert found.permissions
    assert found.permissions.commercial == ("NC" not in identifier)
    assert found.permissions.adapt == ("ND" not in identifier)
    assert found.permissions.share_alike == ("SA" in identifier or identifier == "ODbL-1.0")
    assert found.permissions.credit == (identifier not in ("CC0-1.0", "PDDL-1.0"))
    assert len(set(found.permissions.in_words())) == (5 if found.permissions.share_alike else 4)


def test_each_has_its_own_text():
    assert len({each.url for each in LICENCES.values()}) == len(LICENCES)


@pytest.mark.parametrize(
    "identifier", ["", "cc-by-4.0", "GPL-3.0", "LicenseRef-", "LicenseRef-a b", "CC-BY-4.0\n"]
)
def test_unknown_ones_are_told_the_known(identifier):
    with pytest.raises(InvalidRequest) as told:
        find(identifier, "https://example.org")
    assert all(each in told.value.detail for each in LICENCES)


def test_any_other_has_its_text_elsewhere():
    own = find("LicenseRef-My-Terms", "https://example.org/terms")
    assert (own.name, own.url, own.permissions) == ("My Terms", "https://example.org/terms", None)
    with pytest.raises(InvalidRequest):
        find("LicenseRef-My-Terms")
    assert described("Gone-1.0", "").id == "Gone-1.0"
