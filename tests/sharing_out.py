"""Which tests come first, and which of them stay in one process, when `pytest -n` shares them out.

Those that share something that is made for their module stay together: it would be made in each process. The
long ones come first: whoever begins one last would end long after the others.
"""

import pytest

#: What takes half a minute or more.
LONG = (
    "tests/bench/test_scale.py",
    "tests/leaks/test_leaks.py",
    "tests/crash/test_crash.py",
    "tests/test_workers_killed.py",
    "tests/database/test_side_by_side.py",
    "tests/bench/test_bench.py",
    "tests/test_durability.py",
    "tests/index/test_histories.py",
    "tests/test_keeping_killed.py",
    "tests/test_store_outages.py",
)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.get_closest_marker("xdist_group") is None and _shares(item):
            item.add_marker(pytest.mark.xdist_group(item.nodeid.partition("::")[0]))
    items.sort(key=_place)


def _shares(item: pytest.Item) -> bool:
    """Whether it uses a fixture of its module."""
    assert isinstance(item, pytest.Function)
    found = item._fixtureinfo.name2fixturedefs.values()
    return any(definition.scope == "module" for definitions in found for definition in definitions)


def _place(item: pytest.Item) -> int:
    module = item.nodeid.partition("::")[0]
    return LONG.index(module) if module in LONG else len(LONG)
