"""The structure of the core: imports point one way, the packages keep apart, the front door opens lazily."""

import ast
import subprocess
import sys
from functools import cache
from graphlib import TopologicalSorter
from itertools import product
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MOST_LINES = 400

# The rooms of the core, top floor first: a module imports from its own room and from those below. tests, README and
# the design list them in this order.
ROOMS = [
    "testing",
    "async_api",
    "worker",
    "asgi",
    "broadcaster",
    "opening",
    "engine",
    "inbound",
    "live",
    "callbacks",
    "services",
    "delivery",
    "audience",
    "transport",
    "recovery",
    "outcomes",
    "control",
    "waiting",
    "pacing",
    "snapshots",
    "rendering",
    "context",
    "pairing",
    "queue",
    "store",
    "plugins",
    "hookspecs",
    "queries",
    "settings",
    "problems",
    "reasons",
    "models",
    "metrics",
    "redis_access",
    "vault",
    "keys",
    "clock",
    "media",
    "background",
    "forks",
    "plugin_faults",
    "private_files",
    "provider_addresses",
    "errors",
    "sentence_texts",
    "sentences",
]


def _modules(package: str) -> dict[str, Path]:
    paths = [path for path in (ROOT / package).rglob("*.py") if "migrations" not in path.parts]
    return {".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path for path in paths}


@cache
def _imports(path: Path) -> set[str]:
    """Return the modules that a file imports, those for type checkers included."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def _room(module: str) -> str:
    return module.split(".")[1]


@pytest.fixture(scope="module")
def graph() -> dict[str, set[str]]:
    """The modules of the core, each with those that it imports."""
    core = {name: path for name, path in _modules("wabroadcast_core").items() if "." in name}
    return {name: (_imports(path) & core.keys()) - {name} for name, path in core.items()}


def test_no_files_of_the_core_import_each_other_in_a_circle(graph: dict[str, set[str]]) -> None:
    tuple(TopologicalSorter(graph).static_order())  # raises CycleError


def test_imports_of_the_core_point_downwards(graph: dict[str, set[str]]) -> None:
    upwards = [
        f"{name} imports {imported}"
        for name, modules in graph.items()
        for imported in modules
        if ROOMS.index(_room(imported)) < ROOMS.index(_room(name))
    ]

    assert upwards == []


def test_the_packages_keep_apart() -> None:
    forbidden = {
        "wabroadcast_core": ("wabroadcast_plugins", "host_litestar", "litestar"),
        "wabroadcast_plugins": ("host_litestar", "litestar", "wabroadcast_core."),
    }
    wrong = [
        f"{name} imports {imported}"
        for package, prefixes in forbidden.items()
        for name, path in _modules(package).items()
        for imported, prefix in product(_imports(path), prefixes)
        if imported.startswith(prefix) and not _is_public_name(imported)
    ]

    assert wrong == []


def _is_public_name(imported: str) -> bool:
    package, _, name = imported.partition(".")
    return package == "wabroadcast_core" and name in sys.modules["wabroadcast_core"].__all__


@pytest.mark.parametrize("package", ["wabroadcast_core", "wabroadcast_plugins", "host_litestar"])
def test_no_file_is_long(package: str) -> None:
    lengths = {name: len(path.read_text(encoding="utf-8").splitlines()) for name, path in _modules(package).items()}

    assert {name: lines for name, lines in lengths.items() if lines > MOST_LINES} == {}


def test_a_plugin_loads_neither_the_queue_nor_the_migrations() -> None:
    program = "import sys, wabroadcast_core; print(*sorted({'huey', 'alembic', 'redis'} & sys.modules.keys()))"

    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()

    assert loaded == []


def test_the_public_names_are_imported_at_their_first_use() -> None:
    import wabroadcast_core

    declared = {
        name: f"{node.module}"
        for node in ast.walk(ast.parse((ROOT / "wabroadcast_core" / "__init__.py").read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("wabroadcast_core.")
        for name in (alias.name for alias in node.names)
    }

    assert declared == wabroadcast_core._MODULES
    assert sorted(declared) == sorted(wabroadcast_core.__all__)
    assert [name for name in declared if not hasattr(wabroadcast_core, name)] == []
    with pytest.raises(ImportError):
        from wabroadcast_core import Nothing  # noqa: F401 - what is tested
