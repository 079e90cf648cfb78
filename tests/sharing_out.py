"""Which tests come first, and which of them stay in one process, when `pytest -n` shares them out.

Those that share something that is made for their module stay together: it would be made in each process. The
long ones come first: whoever began one last would end long after the others.
"""

import pytest

#: What takes half a minute or more. First what takes both cores, beside what mostly waits.
LONG = (
    "tests/deid/test_judged.py",
    "tests/test_workers_killed.py",
    "tests/test_store_outages.py",
    "tests/test_store_troubles.py",
    "tests/storage/test_outages.py",
    "tests/storage/test_remote.py",
    "tests/leaks/test_leaks.py",
    "tests/bench/test_scale.py",
    "tests/crash/test_crash.py",
    "tests/database/test_side_by_side.py",
    "tests/deploy/test_nginx.py",
    "tests/bench/test_bench.py",
    "tests/test_durability.py",
    "tests/test_keeping_killed.py",
    "tests/index/test_histories.py",
    "tests/deid/test_judge.py",
)


def pytest_configure(config: pytest.Config) -> None:
    # By default xdist deals out groups first, the largest before all others.
    if hasattr(config.option, "loadscopereorder"):
        config.option.loadscopereorder = False


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.get_closest_marker("xdist_group") is None and _shares(item):
            item.add_marker(pytest.mark.xdist_group(_module(item)))
    items.sort(key=lambda item: LONG.index(_module(item)) if _module(item) in LONG else len(LONG))


def _shares(item: pytest.Item) -> bool:
    """Whether it uses a fixture of its module."""
    assert isinstance(item, pytest.Function)
    found = item._fixtureinfo.name2fixturedefs.values()
    return any(definition.scope == "module" for definitions in found for definition in definitions)


def _module(item: pytest.Item) -> str:
    return item.nodeid.partition("::")[0]
