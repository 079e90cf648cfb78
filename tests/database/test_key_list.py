"""A list on disk holds what a dictionary would, page by page."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.database import key_list
from app.database.key_list import KeyList, Listed, passing
from app.errors import DatabaseUnavailable

KEYS = st.text("ABC", max_size=3)


def pages(held: KeyList, *, unnamed: bool = False) -> list[Listed]:
    found: list[Listed] = []
    while page := held.page(found[-1].key if found else "", unnamed=unnamed):
        found += page
    return found


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40)
@given(
    added=st.lists(st.tuples(KEYS.filter(bool), st.integers(0, 9))),
    named=st.dictionaries(KEYS, st.binary(max_size=2)),
)
def test_it_holds_what_a_dictionary_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, added: list[tuple[str, int]], named: dict[str, bytes]
) -> None:
    monkeypatch.setattr(key_list, "BATCH", 3)
    expected: dict[str, Listed] = {}
    with passing(tmp_path) as held:
        held.add(Listed(*each) for each in added)
        for key, size in added:
            expected.setdefault(key, Listed(key, size))
        held.mark(named)
        for key in named.keys() & expected.keys():
            expected[key] = Listed(key, expected[key].size, named[key], True)
        assert pages(held) == [expected[key] for key in sorted(expected)]
        assert {each.key for each in pages(held, unnamed=True)} == expected.keys() - named.keys()
        asked = [*named, *expected]
        assert held.find(asked) == expected
        assert held.total() == (len(expected), sum(each.size for each in expected.values()))
    assert list(tmp_path.iterdir()) == []


def test_it_can_be_read_again(tmp_path: Path) -> None:
    path = tmp_path / "keys.sqlite"
    with KeyList(path) as held:
        held.add([Listed("A", 1, b"digest")])
        held.settle()
    assert path.stat().st_mode & 0o777 == 0o600
    with KeyList(path) as held:
        assert held.page() == [Listed("A", 1, b"digest")]


def test_a_file_that_is_none_of_ours_is_a_fact(tmp_path: Path) -> None:
    (tmp_path / "keys.sqlite").write_text("something else" * 100)
    with pytest.raises(DatabaseUnavailable):
        KeyList(tmp_path / "keys.sqlite")
    with pytest.raises(DatabaseUnavailable), passing(tmp_path / "keys.sqlite" / "below"):
        pass
