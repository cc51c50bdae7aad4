"""What CI runs, and what helps while writing. `nox` alone runs lint, types and tests."""

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import nox

PYTHONS = ("3.11", "3.12", "3.13")
OLDEST = "3.11.2"  # that of Debian 12
LINTED = (".",)

nox.needs_version = ">=2025.2.9"
nox.options.error_on_missing_interpreters = False

nox.options.default_venv_backend = "uv|virtualenv"  # uv installs in seconds what takes pip a minute
nox.options.report = ".nox/report.json"  # the seconds of each session, which .ci/run prints

CORES = os.cpu_count() or 1
TOGETHER = ("--forks", str(4 * CORES))  # tests wait for processes and disks most of the time
FEW = ("--timed-forks", str(CORES))  # they wait too, but their processes must get their time when due
BRIEF = ("-m", "not slow and not timed", "-k", "not postgresql and not mariadb", "--brief")  # on a second Python
REFERENCE = ".nox/reference"  # the pages of `nox -s docs`
RAM_DISK = Path("/dev/shm")  # noqa: S108 - each run has a directory of its own there
RAM_DISK_BYTES = 2 * 1024**3  # free, so that all stores of the tests fit several times
COMPILED = {"PYTHONDONTWRITEBYTECODE": ""}  # without compiled modules a new process takes seconds to import them
COMPILE = {"UV_COMPILE_BYTECODE": "1"}  # once, as pip does: else each of the processes that start together compiles all

LOCKED = "constraints.txt"  # the versions that everything is tested with; `nox -s lock` renews it
UNREACHABLE = (
    "could not be audited",
    "ConnectionError",
    "ServiceError",
    "Max retries",
    "Temporary failure",
    "Could not connect",
    "timed out",
)

PROJECT = nox.project.load_toml("pyproject.toml")


def find_pythons() -> list[str]:
    """Return the versions that run. A pyenv shim on the path may fail, because its version is not switched on: so each
    candidate is started, and pyenv's own folders are searched next."""
    return [version for version in PYTHONS if _find_python(version)]


def _find_python(version: str) -> bool:
    name = f"python{version}"
    if (present := shutil.which(name)) and _answers(Path(present)):
        return True
    root = Path(os.environ.get("PYENV_ROOT", "~/.pyenv")).expanduser()
    for path in root.glob(f"versions/{version}.*/bin/{name}"):
        if _answers(path):
            os.environ["PATH"] = f"{path.parent}{os.pathsep}{os.environ['PATH']}"
            return True
    return False


def _answers(path: Path) -> bool:
    try:
        return subprocess.run([path, "--version"], capture_output=True, check=False, timeout=30).returncode == 0  # noqa: S603 - an interpreter
    except OSError:
        return False


FOUND = find_pythons()
nox.options.sessions = ["lint", "types", *dict.fromkeys(f"tests-{version}" for version in (FOUND[:1] + FOUND[-1:]))]
nox.options.sessions += ["fuzz"]
if not FOUND:
    nox.options.sessions = ["lint", "types", "tests"]


def install_group(session: nox.Session, group: str, *packages: str) -> None:
    afresh = ("--refresh-package", "wabroadcast") if session.venv_backend == "uv" else ()  # not from uv's cache
    compiling = COMPILE if group == "tests" else {}
    session.install("-c", LOCKED, *nox.project.dependency_groups(PROJECT, group), *packages, *afresh, env=compiling)


def run_pytest(session: nox.Session, *arguments: str) -> None:
    session.run("pytest", *arguments, *session.posargs, env=COMPILED)


@contextlib.contextmanager
def quick_files(session: nox.Session) -> Iterator[None]:
    """Keep the files of the tests on the RAM disk, if there is a large one: stores and Valkeys wait for each write."""
    if not RAM_DISK.is_dir() or shutil.disk_usage(RAM_DISK).free < RAM_DISK_BYTES:
        yield
        return
    with tempfile.TemporaryDirectory(prefix="wab-", dir=RAM_DISK) as directory:
        session.env["TMPDIR"] = directory
        yield


@nox.session
def lint(session: nox.Session) -> None:
    """Ruff: style and formatting, nothing is changed."""
    install_group(session, "lint")
    session.run("ruff", "check", *LINTED)
    session.run("ruff", "format", "--check", *LINTED)


@nox.session
def types(session: nox.Session) -> None:
    """Mypy, strictly, over the packages and their tests."""
    install_group(session, "types", "-e", ".[mysql,postgres]")
    session.run("mypy", "--num-workers", str(CORES))


@nox.session(python=FOUND or None)
def tests(session: nox.Session) -> None:
    """The suite against the package as it installs: all of it on the first Python that is found; on the others without
    what starts processes or a database server, and of the tests that open a store one of each module: only the Python
    differs there. What judges times runs afterwards."""
    install_group(session, "tests", ".[mysql,postgres]")
    with quick_files(session):
        if session.python not in {*FOUND[:1], None}:
            run_pytest(session, *TOGETHER, *BRIEF)
            return
        run_pytest(session, *TOGETHER, *FEW, "-m", "not door")


@nox.session
def docs(session: nox.Session) -> None:
    """The API reference of the public names, as pages in .nox/reference. A warning or a missing name is an error."""
    install_group(session, "docs", ".")
    session.run("python", "-m", "tests.api_reference", REFERENCE)
    session.log(f"open {REFERENCE}/index.html")


@nox.session
def lock(session: nox.Session) -> None:
    """Renew constraints.txt: the newest versions that fit, for all Pythons and systems."""
    session.install("uv")
    groups = ("--group", "tests", "--group", "types", "--group", "docs")
    shape = ("--universal", "--python-version", OLDEST, "--no-annotate", "--no-header", "--no-emit-index-url")
    session.run("uv", "pip", "compile", "pyproject.toml", "--all-extras", *groups, *shape, "--upgrade", "-o", LOCKED)


@nox.session
def audit(session: nox.Session) -> None:
    """Known vulnerabilities of the locked versions. Says so if the advisory service could not be reached."""
    session.install("pip-audit")
    command = ("pip-audit", "--requirement", LOCKED, "--no-deps", "--disable-pip", "--progress-spinner", "off")
    found = session.run(*command, silent=True, success_codes=range(256)) or ""
    session.log(found)
    if any(word in found for word in UNREACHABLE):
        session.error("not audited: the advisory service could not be reached, or does not know all versions")
    if "No known vulnerabilities found" not in found:
        session.error("vulnerable versions are locked: run `nox -s lock`, or wait for a release that mends them")


@nox.session
def coverage(session: nox.Session) -> None:
    """Which lines and branches the suite goes through, but for what judges times: measuring takes its own."""
    install_group(session, "tests", ".[mysql,postgres]")
    shown = ("--cov", "--cov-report=term-missing:skip-covered")
    run_pytest(session, *TOGETHER, *shown, "-m", "not timed and not door")


@nox.session
def bench(session: nox.Session) -> None:
    """The benchmarks, with the machine's facts."""
    install_group(session, "tests", ".[mysql,postgres]", *nox.project.dependency_groups(PROJECT, "bench"))
    options = ("-s", "-o", "python_files=bench_*.py", "--timeout=3600")
    run_pytest(session, "tests/benchmarks", *options)


@nox.session
def chaos(session: nox.Session) -> None:
    """Broadcasts while processes are killed at random, for long; the seed is printed."""
    install_group(session, "tests", ".[mysql,postgres]")
    session.env["WABROADCAST_TEST_CHAOS"] = "long"
    run_pytest(session, "-s", "-m", "chaos", "--timeout=7200")


@nox.session
def door(session: nox.Session) -> None:
    """The limits by a clock at the provider's door; needs a machine that does nothing else."""
    install_group(session, "tests", ".[mysql,postgres]")
    run_pytest(session, "-m", "door")


@nox.session
def fuzz(session: nox.Session) -> None:
    """Generated calls of every operation, with and without a key: no answer is a 5xx. See tests/fuzz for more."""
    install_group(session, "tests", ".[mysql,postgres]", *nox.project.dependency_groups(PROJECT, "fuzz"))
    run_pytest(session, "tests/fuzz", "-o", "python_files=fuzz_*.py", "--timeout=3600")


@nox.session
def fix(session: nox.Session) -> None:
    """Repair what ruff can repair."""
    install_group(session, "lint")
    session.run("ruff", "check", "--fix", *LINTED)
    session.run("ruff", "format", *LINTED)


@nox.session(reuse_venv=True)
def fast(session: nox.Session) -> None:
    """The quick loop: one Python, no coverage, nothing slow, up to the first failure."""
    install_group(session, "tests", "-e", ".[mysql,postgres]")
    run_pytest(session, "-x", "-q", "-m", "not slow")
