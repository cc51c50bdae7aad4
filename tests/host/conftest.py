"""Fixtures of the host's tests: the API on a real store and a real Valkey, and the command in a process of its own."""

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from litestar import Litestar
from litestar.testing import TestClient

from host_litestar.app import create_app
from tests.host.installations import HERE, Api, draft, install, opened_app
from tests.host.programs import SAMPLE, Served, run_command
from tests.receivers import SECRET
from tests.waiting import wait_for
from wabroadcast_core import Settings
from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.queue.embedded import EmbeddedValkey


@pytest.fixture
def until() -> Callable[..., Any]:
    return wait_for


@pytest.fixture
def host_settings(tmp_path: Path, valkey: EmbeddedValkey, sqlite_store: Path) -> Settings:
    """Settings of an installation of its own, on SQLite: the core's tests cover the other databases."""
    return install(tmp_path / "data", valkey, sqlite_store)


@pytest.fixture
def api(host_settings: Settings) -> Iterator[Api]:
    """The stand-alone application with a worker, called from this machine."""
    with opened_app(host_settings, work=True) as client:
        yield client


@pytest.fixture(scope="session")
def idle_host() -> tuple[Broadcaster, Litestar]:
    """An application and its broadcaster, for ``idle_api`` to open: to build one takes far longer than to open it."""
    broadcaster = Broadcaster(Settings())
    return broadcaster, create_app(broadcaster)


@pytest.fixture
def idle_api(idle_host: tuple[Broadcaster, Litestar], host_settings: Settings) -> Iterator[Api]:
    """The application without a worker: submitted broadcasts are stored and not sent.

    What it has in memory but not in the broadcaster's parts, such as counts of wrong keys, outlives a test.
    """
    broadcaster, app = idle_host
    broadcaster.settings = host_settings
    with TestClient(app, base_url=HERE, raise_server_exceptions=False) as client:
        yield client


@pytest.fixture
def fresh_api(host_settings: Settings) -> Iterator[Api]:
    """As ``idle_api``, and nothing in memory is of another test."""
    with TestClient(create_app(host_settings), base_url=HERE, raise_server_exceptions=False) as client:
        yield client


@pytest.fixture
def alone_api(tmp_path: Path, own_valkey: EmbeddedValkey, sqlite_store: Path) -> Iterator[Api]:
    """The application without a worker, on a Valkey of its own."""
    with opened_app(install(tmp_path / "data", own_valkey, sqlite_store)) as client:
        yield client


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

    def start(*arguments: str, plain: bool = False, as_installed: bool = False, **environment: str) -> Served:
        directory = tmp_path / f"server{len(started)}"
        directory.mkdir()
        options = arguments if plain or "--port" in arguments else ("--port", "0", *arguments)
        started.append(Served(directory, *options, environment=environment, as_installed=as_installed))
        return started[-1]

    yield start
    for served in started:
        served.stop()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One server for all tests of a module that only call it. Its callbacks may go to this machine."""
    callbacks = {"WABROADCAST_CALLBACK_SECRET": SECRET, "WABROADCAST_CALLBACK_NETWORKS": "127.0.0.0/8"}
    served = Served(tmp_path_factory.mktemp("server"), "--port", "0", environment=callbacks)
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
