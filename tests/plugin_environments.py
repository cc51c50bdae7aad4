"""A Python environment beside the running one, into which distributions with plugins are installed."""

import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
import venv
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

from host_litestar import __main__ as program
from host_litestar import cli
from tests.forked import ForkedProcess
from tests.forked_programs import run_program, use_python_path
from tests.host import forked_children

SECONDS = 300
ONLY_PYTEST = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}  # as the author of a plugin has it


class PluginEnvironment:
    """An environment that has all packages of the running one, and those that are installed into it.

    A distribution is installed by pip or uv, without a network, where the build backend is present, as with the
    group ``tests``. Otherwise its modules and its metadata are written as pip would write them.
    """

    def __init__(self, folder: Path) -> None:
        venv.create(folder, with_pip=False, symlinks=True)
        self.python = folder / "bin" / "python"
        self._packages = next(folder.glob("lib/python*/site-packages"))
        paths = [path for path in sys.path if path and Path(path).is_dir()]
        (self._packages / "running.pth").write_text("\n".join(paths), encoding="utf-8")

    def install(self, *projects: Path) -> None:
        """Install with the command that an author uses; it starts several interpreters for each project."""
        command = _install_command(self.python)
        if command and _can_build():
            options = ("--no-deps", "--no-build-isolation", "--no-index", "--quiet")
            subprocess.run([*command, *options, *map(str, projects)], check=True, timeout=SECONDS)
        else:
            self.unpack(*projects)

    def unpack(self, *projects: Path) -> None:
        """Build the wheel of each project, and unpack it where pip would."""
        for project in projects:
            if _can_build():
                self._unpack(project)
            else:
                self._copy(project)

    def _unpack(self, project: Path) -> None:
        with tempfile.TemporaryDirectory() as folder:
            build = ["python", "-m", "hatchling", "build", "--target", "wheel", "--directory", folder]
            built = run_program(build, directory=project, environment=_clean_variables(None))
            assert built.returncode == 0, built.stdout + built.stderr
            [wheel] = Path(folder).glob("*.whl")
            with zipfile.ZipFile(wheel) as archive:
                archive.extractall(self._packages)

    def _copy(self, project: Path) -> None:
        facts = tomllib.loads((project / "pyproject.toml").read_text(encoding="utf-8"))
        name, version = facts["project"]["name"], facts["project"]["version"]
        for file in facts["tool"]["hatch"]["build"]["targets"]["wheel"]["only-include"]:
            (self._packages / file).write_bytes((project / file).read_bytes())
        info = self._packages / f"{name.replace('-', '_')}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n", encoding="utf-8")
        entries = facts["project"]["entry-points"]["wabroadcast"].items()
        lines = ["[wabroadcast]", *(f"{entry} = {module}" for entry, module in entries)]
        (info / "entry_points.txt").write_text("\n".join(lines), encoding="utf-8")

    def run(
        self, *arguments: str, cwd: Path, variables: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a Python module in a new interpreter of the environment, as ``python -m``."""
        return subprocess.run(
            [str(self.python), "-m", *arguments],
            cwd=cwd,
            env=_clean_variables(variables),
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )

    def fork(
        self, *arguments: str, cwd: Path, variables: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a Python module as in the environment, without a new interpreter."""
        return run_program(["python", "-m", *arguments], directory=cwd, environment=self._variables(variables))

    def run_tests(self, project: Path) -> subprocess.CompletedProcess[str]:
        """Run the tests of a project, with no plugin of pytest: its extra ``test`` has none."""
        return self.fork("pytest", "-q", "-W", "error", cwd=project, variables=ONLY_PYTEST)

    def serve(self, *arguments: str, cwd: Path, variables: Mapping[str, str], log: IO[Any]) -> ForkedProcess:
        """Start ``wabroadcast serve`` as in the environment; its output goes to a log."""
        line = [program.__file__, "serve", *arguments]
        environment = self._variables(variables)
        return ForkedProcess(_serve, line, environment=environment, directory=cwd, stdout=log, stderr=log)

    def _variables(self, variables: Mapping[str, str] | None) -> dict[str, str]:
        return {**_clean_variables(variables), "PYTHONPATH": str(self._packages)}


def _serve() -> None:
    use_python_path()
    main = forked_children.main if sys.platform == "linux" else cli.main
    main()


def _can_build() -> bool:
    return importlib.util.find_spec("hatchling") is not None


def _clean_variables(variables: Mapping[str, str] | None) -> dict[str, str]:
    """Return the variables of a new terminal and the given ones."""
    own = {name: text for name, text in os.environ.items() if not name.startswith(("WABROADCAST_", "PYTEST_"))}
    return {**own, **(variables or {})}


def _install_command(python: Path) -> list[str]:
    """Return the command that installs into another environment; empty if neither pip nor uv is here."""
    if importlib.util.find_spec("pip"):
        return [sys.executable, "-m", "pip", "--python", str(python), "install"]
    uv = shutil.which("uv")
    return [uv, "pip", "install", "--python", str(python)] if uv else []
