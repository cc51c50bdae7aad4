"""A Python environment beside the running one, into which distributions with plugins are installed."""

import importlib.util
import os
import shutil
import subprocess
import sys
import tomllib
import venv
from collections.abc import Mapping
from pathlib import Path
from typing import TextIO

SECONDS = 300


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
        command = _install_command(self.python)
        if command and importlib.util.find_spec("hatchling"):
            options = ("--no-deps", "--no-build-isolation", "--no-index", "--quiet")
            subprocess.run([*command, *options, *map(str, projects)], check=True, timeout=SECONDS)
        else:
            for project in projects:
                self._copy(project)

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
        """Run a Python module of the environment, as ``python -m``."""
        return subprocess.run(
            [str(self.python), "-m", *arguments],
            cwd=cwd,
            env=_clean_variables(variables),
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )

    def start(self, *arguments: str, cwd: Path, variables: Mapping[str, str], log: TextIO) -> subprocess.Popen[bytes]:
        """Start a Python module of the environment, whose output goes to a log."""
        command = [str(self.python), "-m", *arguments]
        return subprocess.Popen(command, cwd=cwd, env=_clean_variables(variables), stdout=log, stderr=log)


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
