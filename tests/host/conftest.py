"""Fixtures of the host's tests: the API on a real store and a real Valkey, and the command in a process of its own."""

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
from litestar import Litestar
from litestar.testing import TestClient

from host_litestar import __main__ as program
from host_litestar.app import create_app
from host_litestar.cli import main
from tests.forked import ForkedProcess
from tests.waiting import wait_for
from wabroadcast_core import Settings
from wabroadcast_core.queue.embedded import EmbeddedValkey

Api = TestClient[Litestar]

HERE = "http://127.0.0.1"
SAMPLE = Path(__file__).parents[2] / "host_litestar" / "samples" / "contacts.csv"


@pytest.fixture
def until() -> Callable[..., Any]:
    return wait_for


@pytest.fixture
def host_settings(tmp_path: Path, valkey: EmbeddedValkey, sqlite_store: Path) -> Settings:
    """Settings of an installation of its own, on SQLite: the core's tests cover the other databases."""
    made = Settings(data_dir=tmp_path / "data", redis_url=valkey.url, namespace=f"h{abs(hash(tmp_path))}")
    made.data_dir.mkdir()
    shutil.copyfile(sqlite_store, made.sqlite_path)
    return made


@pytest.fixture
def api(host_settings: Settings) -> Iterator[Api]:
    """The stand-alone application with a worker, called from this machine."""
    with TestClient(create_app(host_settings, work=True), base_url=HERE, raise_server_exceptions=False) as client:
        yield client


@pytest.fixture
def idle_api(host_settings: Settings) -> Iterator[Api]:
    """The application without a worker: submitted broadcasts are stored and not sent."""
    with TestClient(create_app(host_settings), base_url=HERE, raise_server_exceptions=False) as client:
        yield client


class Served:
    """``wabroadcast serve`` in a process of its own, with a data directory of its own."""

    def __init__(self, directory: Path, *arguments: str, environment: Mapping[str, str] | None = None) -> None:
        self.directory = directory
        self.data = directory / "data"
        self.sample = SAMPLE
        self.log = directory / "serve.log"
        self.output = directory / "serve.out"
        self.environment = clean_environment(WABROADCAST_DATA_DIR=str(self.data)) | dict(environment or {})
        with self.log.open("wb") as log, self.output.open("wb") as output:
            self.process = ForkedProcess(
                main,
                [program.__file__, "serve", *arguments],
                environment=self.environment,
                directory=directory,
                stdout=output,
                stderr=log,
            )
        wait_for(lambda: "--message" in self.output.read_text() or self.process.poll() is not None, seconds=60)

    @property
    def url(self) -> str:
        return self.output.read_text().partition("API      ")[2].split()[0]

    def get(self, path: str, *, seconds: float = 30) -> httpx.Response:
        """Call the API. A busy machine may take seconds to answer."""
        return httpx.get(f"{self.url}{path}", timeout=seconds)

    def is_ready(self) -> bool:
        """Return whether the server is ready to serve.

        While its web process restarts, the supervisor keeps the socket open: calls then wait, they are not refused.
        """
        with contextlib.suppress(httpx.TransportError):
            return self.get("/health/ready", seconds=1).is_success
        return False

    def command(self, *arguments: str, **variables: str) -> "subprocess.CompletedProcess[str]":
        """Run a client command against this server."""
        return run_command(*arguments, cwd=self.directory, WABROADCAST_URL=self.url, **variables)

    def client_environment(self) -> dict[str, str]:
        return clean_environment(WABROADCAST_URL=self.url)

    def shell(self, line: str) -> "subprocess.CompletedProcess[str]":
        """Run a line in a shell, as if it were pasted into a terminal."""
        environment = clean_environment()
        return subprocess.run(
            line,
            shell=True,
            env=environment,
            cwd=self.directory,
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )

    def children(self, word: str = "") -> list[int]:
        """Return the ids of the processes that the server started and whose command line contains ``word``."""
        return children_of(self.process.pid, word)

    def valkey(self) -> list[int]:
        return find_valkey(self.process.pid)

    @staticmethod
    def children_of(parent: int) -> list[int]:
        return children_of(parent)

    def stop(self, number: int = signal.SIGTERM) -> int:
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(timeout=60)


def children_of(parent: int, word: str = "") -> list[int]:
    listed = subprocess.run(
        ["ps", "-ww", "-e", "-o", "pid=,ppid=,args="], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    rows = [line.split(None, 2) for line in listed]
    return [int(pid) for pid, owner, line in rows if int(owner) == parent and word in line and "<defunct>" not in line]


def find_valkey(parent: int) -> list[int]:
    """Return the embedded Valkey's process id: its parent is a shell that the server process started."""
    shells = children_of(parent, "valkey")
    found = [pid for shell in shells for pid in children_of(shell)]
    return [pid for pid in found if Path(f"/proc/{pid}/comm").read_text().strip() == "valkey-server"]


def clean_environment(**variables: str) -> dict[str, str]:
    inherited = {name: text for name, text in os.environ.items() if not name.startswith("WABROADCAST_")}
    return inherited | {"PYTHONUNBUFFERED": "1"} | variables


def run_command(*arguments: str, cwd: Path, **variables: str) -> "subprocess.CompletedProcess[str]":
    """Run ``wabroadcast`` and wait for its end."""
    line = [program.__file__, *arguments]
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
        process = ForkedProcess(
            main, line, environment=clean_environment(**variables), directory=cwd, stdout=output, stderr=errors
        )
        try:
            code = process.wait(timeout=100)
        finally:
            process.kill()
        output.seek(0)
        errors.seek(0)
        return subprocess.CompletedProcess(line, code, output.read(), errors.read())


@pytest.fixture
def command() -> Callable[..., "subprocess.CompletedProcess[str]"]:
    return run_command


@pytest.fixture
def sample() -> Path:
    return SAMPLE


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Served]]:
    """A function that starts servers; they are stopped after the test."""
    started: list[Served] = []

    def start(*arguments: str, plain: bool = False, **environment: str) -> Served:
        directory = tmp_path / f"server{len(started)}"
        directory.mkdir()
        options = arguments if plain or "--port" in arguments else ("--port", "0", *arguments)
        started.append(Served(directory, *options, environment=environment))
        return started[-1]

    yield start
    for served in started:
        served.stop()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One server for all tests of a module that only call it."""
    served = Served(tmp_path_factory.mktemp("server"), "--port", "0")
    yield served
    served.stop()


@pytest.fixture
def submit(api: Api) -> Callable[..., dict[str, Any]]:
    """A function that submits a broadcast over HTTP and returns it."""

    def send(*numbers: str, **fields: Any) -> dict[str, Any]:
        recipients = [{"number": number, "name": "Budi"} for number in numbers]
        answer = api.post("/broadcast", json=draft(recipients=recipients, **fields))
        assert answer.status_code == 202, answer.text
        return dict(answer.json())

    return send


def draft(**fields: Any) -> dict[str, Any]:
    """Return a valid body of a submit."""
    return {"name": "Promo", "message": {"type": "text", "text": "Halo {{ name }}"}, **fields}
