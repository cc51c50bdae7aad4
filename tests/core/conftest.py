"""A scripted provider beside the gateway; an empty store without an engine; a broadcaster that a module shares."""

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.core.store.harness import StoreHarness
from tests.scripted import ScriptedProvider
from tests.stores import installation_settings, opened
from wabroadcast_core import Settings
from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.queue.embedded import EmbeddedValkey
from wabroadcast_core.store.database import open_database
from wabroadcast_core.store.tables import metadata
from wabroadcast_core.testing import gateway as gateway_plugin
from wabroadcast_core.testing import senders as null_plugin


@pytest.fixture
def harness(database_url: str | None, sqlite_store: Path, tmp_path: Path) -> Iterator[StoreHarness]:
    path = shutil.copyfile(sqlite_store, tmp_path / "harness.db")
    database = open_database(database_url, sqlite_path=path)
    made = StoreHarness(database)
    made.clear()
    yield made
    database.close()


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def started(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, valkey: EmbeddedValkey
) -> Iterator[Broadcaster]:
    """A broadcaster without a worker, on either store; to start one takes longer than most tests."""
    directory = tmp_path_factory.mktemp("shared")
    namespace = f"s{abs(hash(directory))}"
    with contextlib.ExitStack() as stack:
        url = None
        if request.param == "postgresql":
            url = stack.enter_context(request.getfixturevalue("postgres").lend_store())
        made = installation_settings(directory, redis_url=valkey.url, namespace=namespace, database_url=url)
        yield stack.enter_context(Broadcaster(made))


@pytest.fixture
def shared(started: Broadcaster) -> Broadcaster:
    """The module's broadcaster with nothing in its store but the first connection."""
    with started.context.database.write() as conn:
        for table in reversed(metadata.sorted_tables):
            conn.execute(table.delete())
    started.connections.ensure_first()
    return started


@pytest.fixture(scope="session")
def unscripted() -> ScriptedProvider:
    return ScriptedProvider()


@pytest.fixture
def provider(unscripted: ScriptedProvider) -> ScriptedProvider:
    """A provider that accepts all messages, until the test says otherwise."""
    unscripted.reset()
    return unscripted


@pytest.fixture(scope="session")
def unopened(unscripted: ScriptedProvider) -> Broadcaster:
    """As for all tests, and with the scripted provider."""
    return Broadcaster(Settings(), plugins=[gateway_plugin, null_plugin, unscripted])


@pytest.fixture
def broadcaster(unopened: Broadcaster, settings: Settings, provider: ScriptedProvider) -> Iterator[Broadcaster]:
    del provider  # it is reset
    with opened(unopened, settings):
        yield unopened
