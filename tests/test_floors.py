"""Imports run only down the floors (design section 5). A new room gets its line in FLOORS, or this fails."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

#: Machines of the background.
JOBS = ("jobs", "datacite", "hooks")
#: From the top down; the rooms of one floor are neighbours.
FLOORS = (
    ("doors", ("__main__", "cli", "deid_cli", "keep_cli", "main", "worker")),
    ("errands", ("server", "labour", "demo", "conformance", "submitter", "terminal")),
    ("edge", ("routers", "connections", "exposed")),
    ("verbs", ("services",)),
    ("house", ("archive",)),
    (
        "machines",
        (
            "index",
            "registry",
            "crosswalk",
            "keyring",
            "openid",
            "turnstile",
            "storage",
            "codecs",
            "ohif",
            *JOBS,
        ),
    ),
    ("database", ("database",)),
    ("records", ("models",)),
    ("rules", ("query", "access", "citing", "deid", "qc")),
    ("formats", ("dicom", "wire")),
    ("settings", ("settings", "logs", "metrics", "traces")),
    ("ground", ("errors", "threads", "turns", "viewer")),
)
#: The doors are two ways into one command; every other neighbours leave each other alone.
NEIGHBOURS = {("__main__", "cli"), ("cli", "deid_cli"), ("cli", "keep_cli"), ("worker", "main")}
#: What of others' packages only some rooms may import.
KEPT_TO = {
    "fastapi": {"routers", "main", "worker"},
    "starlette": {"routers", "main"},
    "uvicorn": {"server", "connections"},
    "typer": {"cli", "deid_cli", "keep_cli", "terminal"},
    "rich": {"cli", "deid_cli", "keep_cli", "labour", "server", "demo", "submitter", "terminal"},
    "datacite": {"citing"},
    "httpx": {"demo", "openid", "datacite", "hooks"},
    "jwt": {"openid"},
    "argon2": {"services"},
    "limits": {"turnstile"},
    "jinja2": {"routers"},
    "alembic": {"database"},
    "sqlmodel": {"models"},
    "sqlalchemy": {"models", "database", "index", "registry", "jobs", "services"},
    "asyncpg": {"database"},
    "pydicom": {"dicom", "deid", "demo"},
    "gdcm": {"dicom"},
    "imagecodecs": {"dicom"},
    "numpy": {"dicom", "deid", "index"},
    "rapidocr": {"deid"},
    "obstore": {"storage"},
    "prometheus_client": {"metrics", "routers"},
    "opentelemetry": {"traces"},
}
LEVEL = {room: height for height, (_, rooms) in enumerate(reversed(FLOORS)) for room in rooms}


@dataclass(frozen=True, slots=True)
class Import:
    """One import statement: the importing module and line, and what it imports."""

    module: str
    path: Path
    line: int
    target: str

    @property
    def room(self) -> str:
        return _room(self.module)

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.module} imports {self.target}"


def _room(module: str) -> str:
    return module.split(".")[1]


def _imports(path: Path, root: Path) -> Iterator[Import]:
    relative = path.relative_to(root)
    module = ".".join(relative.with_suffix("").parts).removesuffix(".__init__")
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        match node:
            case ast.Import(names=names):
                targets = [alias.name for alias in names]
            case ast.ImportFrom(module=source, level=0, names=names) if source:
                # The name may be a module of the package or something in it.
                targets = [f"{source}.{alias.name}" for alias in names]
            case ast.ImportFrom():
                targets = [f"relative to {module}"]
            case _:
                continue
        yield from (Import(module, relative, node.lineno, target) for target in targets)


def every_import(root: Path = ROOT) -> list[Import]:
    """All imports below `root`/app, but for the package's own empty `__init__`."""
    return [
        each
        for path in sorted((root / "app").rglob("*.py"))
        for each in _imports(path, root)
        if "." in each.module
    ]


def ours(found: list[Import]) -> list[Import]:
    return [each for each in found if each.target.startswith("app.")]


def upward(found: list[Import]) -> list[str]:
    """Imports that do not run down, each with its place."""
    wrong = []
    for each in ours(found):
        target = _room(each.target)
        inside = target == each.room or (each.room, target) in NEIGHBOURS
        if not inside and LEVEL.get(target, 99) >= LEVEL.get(each.room, -1):
            wrong.append(str(each))
    return wrong


def trespassing(found: list[Import]) -> list[str]:
    """Imports of packages that are kept to other rooms, each with its place."""
    outside = ((each, KEPT_TO.get(each.target.split(".")[0])) for each in found)
    return [str(each) for each, rooms in outside if rooms is not None and each.room not in rooms]


def circles(found: list[Import]) -> list[list[str]]:
    """Modules that import each other in a circle."""
    modules = {each.module for each in found}
    graph: dict[str, set[str]] = {module: set() for module in modules}
    for each in ours(found):
        target = each.target if each.target in modules else each.target.rpartition(".")[0]
        # Importing a module runs its package first; a package may gather its own modules.
        if target != each.module:
            graph[each.module].add(target)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return [error.args[1]]
    return []


def test_every_room_stands_on_a_floor() -> None:
    rooms = {
        path.stem
        for path in (ROOT / "app").iterdir()
        if path.suffix == ".py" or (path / "__init__.py").exists()
    }
    assert rooms - {"__init__"} <= LEVEL.keys()


def test_imports_run_down() -> None:
    assert upward(every_import()) == []


def test_packages_are_imported_only_where_they_belong() -> None:
    assert trespassing(every_import()) == []


def test_no_circles() -> None:
    assert circles(every_import()) == []


def test_nothing_is_imported_relatively() -> None:
    assert [str(each) for each in every_import() if each.target.startswith("relative")] == []


@pytest.fixture
def house(tmp_path: Path) -> Path:
    for room in ("wire", "dicom", "storage", "routers", "services"):
        (tmp_path / "app" / room).mkdir(parents=True)
        (tmp_path / "app" / room / "__init__.py").touch()
    return tmp_path


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("wire/a", "from app.dicom import part10"),
        ("dicom/a", "from app.wire.multipart import Reader"),
        ("dicom/a", "import app.routers.wado"),
        ("storage/a", "from app.index import scope"),
        ("settings", "from app.logs import handler"),
        ("services/a", "from app import routers"),
        ("services/a", "from app.attic import dust"),
    ],
)
def test_an_import_upwards_is_named(house: Path, module: str, line: str) -> None:
    (house / "app" / f"{module}.py").write_text(f"\n{line}\n")
    assert [wrong.split(":")[:2] for wrong in upward(every_import(house))] == [[f"app/{module}.py", "2"]]


@pytest.mark.parametrize(
    "line", ["import fastapi", "from starlette.requests import Request", "from httpx import get"]
)
def test_a_trespass_is_named(house: Path, line: str) -> None:
    (house / "app/services/a.py").write_text(line)
    assert len(trespassing(every_import(house))) == 1


def test_a_circle_is_found(house: Path) -> None:
    (house / "app/wire/a.py").write_text("from app.wire import b")
    (house / "app/wire/b.py").write_text("from app.wire.a import x")
    assert set(circles(every_import(house))[0]) == {"app.wire.a", "app.wire.b"}


def test_what_is_allowed_passes(house: Path) -> None:
    (house / "app/routers/a.py").write_text(
        "import fastapi\nfrom app.services import b\nfrom app.errors import Fact"
    )
    (house / "app/services/b.py").write_text("import orjson\nfrom app.wire import c")
    (house / "app/wire/c.py").write_text("from app.errors import Fact")
    found = every_import(house)
    assert (upward(found), trespassing(found), circles(found)) == ([], [], [])
