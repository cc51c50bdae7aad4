"""What the tests share: real parts only. Each store test runs on SQLite and on PostgreSQL."""

import contextlib
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest
from sqlalchemy import NullPool, create_engine, text

from wabroadcast_core import Settings
from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.queue.embedded import EmbeddedValkey
from wabroadcast_core.testing import gateway as gateway_plugin
from wabroadcast_core.testing import senders as null_plugin
from wabroadcast_core.testing.gateway import Gateway
from wabroadcast_core.worker import Worker

Found = TypeVar("Found")
QUICK = {"heartbeat_seconds": 0.3, "lease_seconds": 1.5, "recover_seconds": 1.0, "stop_seconds": 5.0}


def wait_for(look: Callable[[], Found], *, seconds: float = 30, what: str = "it", every: float = 0.02) -> Found:
    """The first true answer of ``look``, asked ``every`` so many seconds; fails once the time is up."""
    deadline = time.monotonic() + seconds
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() > deadline:
            pytest.fail(f"{what} did not happen within {seconds:g} s")
        time.sleep(every)


@pytest.fixture(scope="session")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedValkey]:
    server = EmbeddedValkey(tmp_path_factory.mktemp("valkey"))
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def postgres() -> Iterator["PostgresCluster"]:
    binaries = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not binaries:
        pytest.skip("PostgreSQL's server is not installed (Debian: postgresql)")
    pytest.importorskip("psycopg", reason="the PostgreSQL driver is not installed (wabroadcast[postgres])")
    cluster = PostgresCluster(binaries[-1].parent)
    cluster.start()
    yield cluster
    cluster.stop()


class PostgresCluster:
    """A PostgreSQL of our own, on a Unix socket."""

    def __init__(self, binaries: Path) -> None:
        self._binaries = binaries
        self._directory = Path("/tmp") / f"wab-pg-{os.getpid()}"  # a socket's path must be short
        shutil.rmtree(self._directory, ignore_errors=True)
        self._directory.mkdir(mode=0o755)
        self._user = "postgres" if os.getuid() == 0 else None  # PostgreSQL refuses to run as root
        if self._user:
            shutil.chown(self._directory, self._user)
        self._databases = 0

    def start(self) -> None:
        data = self._directory / "data"
        if not data.exists():
            self._run("initdb", "-D", str(data), "-U", "postgres", "--auth=trust", "--no-sync", "-E", "UTF8")
        quick = "-c fsync=off -c full_page_writes=off"  # processes are killed here, hosts are not
        options = f"-c listen_addresses='' -k {self._directory} -c max_connections=200 {quick}"
        log = str(self._directory / "log")
        self._run("pg_ctl", "-D", str(data), "-l", log, "-o", options, "-w", "start")

    def stop(self) -> None:
        self.kill()
        shutil.rmtree(self._directory, ignore_errors=True)

    def kill(self) -> None:
        """End it as a crash would; :meth:`start` brings it back."""
        with contextlib.suppress(subprocess.CalledProcessError):
            self._run("pg_ctl", "-D", str(self._directory / "data"), "-m", "immediate", "-w", "stop")

    def new_database(self) -> str:
        """:returns: the URL of an empty database."""
        self._databases += 1
        name = f"test_{self._databases}"
        engine = create_engine(self._url("postgres"), isolation_level="AUTOCOMMIT")
        with engine.connect() as conn:
            conn.execute(text(f"CREATE DATABASE {name}"))
        engine.dispose()
        return self._url(name)

    def _url(self, database: str) -> str:
        return f"postgresql+psycopg://postgres@/{database}?host={self._directory}"

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self._binaries / program), *arguments]
        subprocess.run(command, check=True, user=self._user, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


@pytest.fixture(scope="session")
def mariadb() -> Iterator["MariaServer"]:
    if not MariaServer.PROGRAM.exists():
        pytest.skip("MariaDB's server is not installed (Debian: mariadb-server)")
    pytest.importorskip("pymysql", reason="the MySQL driver is not installed (wabroadcast[mysql])")
    server = MariaServer()
    try:
        server.start()
        yield server
    finally:
        server.stop()


class MariaServer:
    """A MariaDB of our own, on a Unix socket."""

    PROGRAM = Path("/usr/sbin/mariadbd")

    def __init__(self) -> None:
        self._directory = Path("/tmp") / f"wab-my-{os.getpid()}"
        self._user = "mysql" if os.getuid() == 0 else None  # MariaDB refuses to run as root
        self._process: subprocess.Popen[bytes] | None = None
        self._databases = 0

    def start(self) -> None:
        shutil.rmtree(self._directory, ignore_errors=True)
        self._directory.mkdir(mode=0o755)
        if self._user:
            shutil.chown(self._directory, self._user)
        data = ("--no-defaults", f"--datadir={self._directory / 'data'}")
        install = ["mariadb-install-db", *data, "--auth-root-authentication-method=normal", "--skip-test-db"]
        subprocess.run(install, check=True, user=self._user, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        quick = ("--skip-log-bin", "--sync-frm=0", "--innodb-flush-method=nosync", "--innodb-file-per-table=0")
        serve = [str(self.PROGRAM), *data, f"--socket={self._directory / 'socket'}", "--skip-networking", *quick]
        with (self._directory / "log").open("wb") as log:
            self._process = subprocess.Popen(serve, user=self._user, stdout=log, stderr=log)
        wait_for(self._answers, what="MariaDB's start")

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        shutil.rmtree(self._directory, ignore_errors=True)

    def new_database(self) -> str:
        """:returns: the URL of an empty database."""
        self._databases += 1
        self.execute(f"CREATE DATABASE test_{self._databases} CHARACTER SET utf8mb4")
        return self.url(f"test_{self._databases}")

    def execute(self, statement: str) -> None:
        engine = create_engine(self.url("mysql"), poolclass=NullPool)
        with engine.connect() as conn:
            conn.exec_driver_sql(statement)

    def url(self, database: str) -> str:
        # to prepare for TLS takes the driver longer than most tests' queries
        return f"mysql+pymysql://root@/{database}?unix_socket={self._directory / 'socket'}&ssl_disabled=true"

    def _answers(self) -> bool:
        with socket.socket(socket.AF_UNIX) as door:
            return door.connect_ex(str(self._directory / "socket")) == 0


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str | None:
    """An empty database: SQLite in the data directory, then PostgreSQL."""
    if request.param == "sqlite":
        return None
    cluster: PostgresCluster = request.getfixturevalue("postgres")
    return cluster.new_database()


@pytest.fixture
def settings(tmp_path: Path, valkey: EmbeddedValkey, database_url: str | None) -> Settings:
    """An installation of its own: an empty store, a name space in Redis that nobody else uses."""
    namespace = f"t{abs(hash(tmp_path))}"
    made = Settings(data_dir=tmp_path, redis_url=valkey.url, namespace=namespace, database_url=database_url)
    return made.model_copy(update=QUICK)


@pytest.fixture
def broadcaster(settings: Settings) -> Iterator[Broadcaster]:
    with Broadcaster(settings, plugins=[gateway_plugin, null_plugin]) as started:
        started.tasks.huey.storage.read_timeout = 0.2  # seconds; a worker that is stopped waits for it
        yield started


@pytest.fixture
def worker(broadcaster: Broadcaster) -> Iterator[Worker]:
    """A worker in this process, at work."""
    running = Worker(broadcaster)
    running.start()
    yield running
    running.stop()


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Gateway]:
    directory = tmp_path / "gateway"
    directory.mkdir()
    with Gateway(directory) as running:
        yield running
