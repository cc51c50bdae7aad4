"""What the tests share: real parts only. Each store test runs on SQLite and on PostgreSQL."""

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import hypothesis
import pytest

from tests.dealing import share_out, thin_out
from tests.disks import MountRefusedError, mounted_disk
from tests.servers import MariaServer, PostgresCluster
from tests.side_by_side import Share, SideBySide
from tests.stores import installation_settings, migrate_store, opened, shared_statements
from wabroadcast_core import Settings
from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.queue.embedded import EmbeddedValkey
from wabroadcast_core.testing import gateway as gateway_plugin
from wabroadcast_core.testing import senders as null_plugin
from wabroadcast_core.testing.gateway import Gateway
from wabroadcast_core.worker import Worker

hypothesis.settings.register_profile("untimed", deadline=None)  # a busy machine makes any example slow
hypothesis.settings.register_profile("brief", deadline=None, max_examples=20)
hypothesis.settings.load_profile("untimed")

QUICK = {"heartbeat_seconds": 0.3, "lease_seconds": 1.5, "recover_seconds": 1.0, "stop_seconds": 5.0}
SHARED_SERVERS = {"server", "served", "keyed", "strict", "environment"}  # of a module; each takes seconds to start
SLOW_FIXTURES = {"worker", *SHARED_SERVERS, "serve", "command"}  # they start a worker or programs


def pytest_addoption(parser: pytest.Parser) -> None:
    brief = "of the tests that open a store, run only one of each module, and try fewer examples of a property"
    parser.addoption("--brief", action="store_true", help=brief)
    parser.addoption("--forks", type=int, default=0, help="run the tests in so many processes")
    parser.addoption("--timed-forks", type=int, default=1, help="with --forks: those that judge times, in so many more")


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--brief"):
        hypothesis.settings.load_profile("brief")
    if config.getoption("--forks"):
        config.pluginmanager.register(SideBySide(lambda items: _shares_of(items, config)))


@pytest.hookimpl(wrapper=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> Iterator[None]:
    """Mark slow tests before any is deselected."""
    for item in items:
        _mark(item)
    yield
    if config.getoption("--brief"):
        items[:], dropped = thin_out(items, module_of=_module_of, is_costly=_opens_store)
        config.hook.pytest_deselected(items=dropped)


def _shares_of(items: Sequence[pytest.Item], config: pytest.Config) -> Sequence[Share]:
    """Return what judges times, and what gives way to it."""
    timed = [item for item in items if _is_timed(item)]
    others = [item for item in items if not _is_timed(item)]
    place_of = {item: place for place, item in enumerate(items)}

    def units_of(tests: Sequence[pytest.Item]) -> list[list[int]]:
        return [[place_of[item] for item in unit] for unit in _units_of(tests)]

    return [
        Share(config.getoption("--timed-forks"), units_of(timed)),
        Share(config.getoption("--forks"), units_of(others), gives_way=True),
    ]


def _units_of(items: Sequence[pytest.Item]) -> list[list[pytest.Item]]:
    return share_out(items, module_of=_module_of, is_long=_is_long, shares_fixture=_shares_fixture)


def _module_of(item: pytest.Item) -> str:
    return item.nodeid.partition("::")[0]


def _opens_store(item: pytest.Item) -> bool:
    return "sqlite_store" in _fixtures_of(item)


def _shares_fixture(item: pytest.Item) -> bool:
    """Return whether a test uses a fixture that is made once for its module."""
    found = item._fixtureinfo.name2fixturedefs.values() if isinstance(item, pytest.Function) else ()
    return any(definition.scope == "module" for definitions in found for definition in definitions)


def _is_long(item: pytest.Item) -> bool:
    return item.get_closest_marker("slow") is not None


def _is_timed(item: pytest.Item) -> bool:
    return item.get_closest_marker("timed") is not None


def _fixtures_of(item: pytest.Item) -> Sequence[str]:
    return getattr(item, "fixturenames", ())


def _mark(item: pytest.Item) -> None:
    """Mark a test as slow by the fixtures it uses; tests that start processes themselves have the mark written.

    One that judges times may run three times: a machine that stalls fails it once, a defect every time.
    """
    if not _is_long(item) and not SLOW_FIXTURES.isdisjoint(_fixtures_of(item)):
        item.add_marker("slow")
    if _is_timed(item):
        item.add_marker(pytest.mark.flaky(reruns=2))


@pytest.fixture(scope="session", autouse=True)
def statements() -> Iterator[None]:
    with shared_statements():
        yield


@pytest.fixture(scope="session")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedValkey]:
    server = EmbeddedValkey(tmp_path_factory.mktemp("valkey"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def own_valkey(tmp_path: Path) -> Iterator[EmbeddedValkey]:
    """A Valkey that no other test uses, to disturb."""
    server = EmbeddedValkey(tmp_path / "own")
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresCluster]:
    binaries = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not binaries:
        pytest.skip("PostgreSQL's server is not installed (Debian: postgresql)")
    pytest.importorskip("psycopg", reason="the PostgreSQL driver is not installed (wabroadcast[postgres])")
    cluster = PostgresCluster(binaries[-1].parent)
    cluster.start()
    yield cluster
    cluster.stop()


@pytest.fixture(scope="session")
def mariadb() -> Iterator[MariaServer]:
    if not MariaServer.PROGRAM.exists():
        pytest.skip("MariaDB's server is not installed (Debian: mariadb-server)")
    pytest.importorskip("pymysql", reason="the MySQL driver is not installed (wabroadcast[mysql])")
    server = MariaServer()
    try:
        server.start()
        yield server
    finally:
        server.stop()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 4 MB."""
    place = tmp_path / "disk"
    place.mkdir()
    try:
        with mounted_disk(place) as disk:
            yield disk
    except MountRefusedError:
        pytest.skip("this user may not mount a disk")


@pytest.fixture(scope="session")
def sqlite_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of an SQLite store with our tables, all empty, to copy."""
    path = tmp_path_factory.mktemp("store") / "wabroadcast.db"
    migrate_store(None, sqlite_path=path)
    return path


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> Iterator[str | None]:
    """A store with our tables, all empty: None for SQLite, whose file ``sqlite_store`` is to be copied."""
    if request.param == "sqlite":
        yield None
        return
    cluster: PostgresCluster = request.getfixturevalue("postgres")
    with cluster.lend_store() as url:
        yield url


@pytest.fixture
def settings(tmp_path: Path, valkey: EmbeddedValkey, database_url: str | None, sqlite_store: Path) -> Settings:
    """Settings of an installation of its own: an empty store, a namespace in Redis that no other test uses."""
    namespace = f"t{abs(hash(tmp_path))}"
    made = installation_settings(tmp_path, redis_url=valkey.url, namespace=namespace, database_url=database_url)
    if database_url is None:
        shutil.copyfile(sqlite_store, made.sqlite_path)
    return made.model_copy(update=QUICK)


@pytest.fixture(scope="session")
def unopened() -> Broadcaster:
    """A broadcaster with its plugins: to load them takes several times longer than to open it."""
    return Broadcaster(Settings(), plugins=[gateway_plugin, null_plugin])


@pytest.fixture
def broadcaster(unopened: Broadcaster, settings: Settings) -> Iterator[Broadcaster]:
    """A broadcaster that was opened for this test. What its plugins have in memory outlives the test."""
    with opened(unopened, settings):
        yield unopened


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
