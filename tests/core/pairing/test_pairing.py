"""What does not belong together refuses to start: two Redis servers, two stores in a namespace, two secret keys."""

import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from cryptography.fernet import Fernet
from pydantic import SecretStr

from tests.ports import free_port
from tests.stores import ON_SQLITE
from tests.waiting import wait_for
from wabroadcast_core import Settings
from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.errors import BroadcastError, SetupError
from wabroadcast_core.queue.embedded import EmbeddedValkey
from wabroadcast_core.testing import senders as null_plugin
from wabroadcast_core.worker import Worker

pytestmark = pytest.mark.slow

LEASE_SECONDS = 1.5  # in the settings of the tests


def _broadcaster(settings: Settings, **changes: object) -> Broadcaster:
    return Broadcaster(settings.model_copy(update=changes), plugins=[null_plugin])


@pytest.fixture
def running(settings: Settings) -> Iterator[Broadcaster]:
    with _broadcaster(settings) as broadcaster:
        yield broadcaster


@pytest.fixture
def other_store(settings: Settings, tmp_path: Path, sqlite_store: Path) -> Settings:
    """Settings of another installation in the same namespace of the same Redis."""
    made = settings.model_copy(update={"data_dir": tmp_path / "other", "database_url": None})
    made.data_dir.mkdir()
    shutil.copyfile(sqlite_store, made.sqlite_path)
    return made


# --- one store, two Redis servers ------------------------------------------------------------------------------------


def test_another_namespace_is_refused_and_both_are_named(running: Broadcaster) -> None:
    with pytest.raises(SetupError) as refusal:
        _broadcaster(running.settings, namespace="another").start()

    assert f"namespace {running.settings.namespace}" in str(refusal.value)
    assert "namespace another" in str(refusal.value)


def test_another_redis_is_refused_and_both_are_named(running: Broadcaster, own_valkey: EmbeddedValkey) -> None:
    with pytest.raises(SetupError) as refusal:
        _broadcaster(running.settings, redis_url=SecretStr(own_valkey.url)).start()

    assert str(own_valkey.socket_path) in str(refusal.value)
    assert running.context.redis.connection_pool.connection_kwargs["path"] in str(refusal.value)


def test_a_password_is_not_named(running: Broadcaster) -> None:
    url = running.settings.redis_url
    assert url is not None
    secret = SecretStr(url.get_secret_value().replace("unix://", "unix://:s3cret@"))

    with pytest.raises(SetupError) as refusal:
        _broadcaster(running.settings, namespace="another", redis_url=secret).start()

    assert "s3cret" not in str(refusal.value)


def test_another_redis_is_used_after_all_processes_have_stopped(settings: Settings, own_valkey: EmbeddedValkey) -> None:
    _broadcaster(settings).start().close()

    began = time.monotonic()
    with _broadcaster(settings, redis_url=SecretStr(own_valkey.url)) as moved:
        checks = moved.check()
    seconds = time.monotonic() - began

    assert checks == {"store": "ok", "redis": "ok"}
    assert seconds < LEASE_SECONDS + 3


def test_a_redis_that_lost_its_keys_is_used_again_at_once(running: Broadcaster) -> None:
    for key in running.context.redis.scan_iter(match=f"{running.settings.namespace}:*"):
        running.context.redis.delete(key)

    with _broadcaster(running.settings) as second:
        checks = second.check()

    assert checks["redis"] == "ok"
    wait_for(lambda: running.context.redis.exists(running.context.keys.pair), what="the token in Redis")
    assert running.context.pairing.fault is None


@ON_SQLITE
def test_a_replica_that_became_the_primary_is_used(
    settings: Settings, own_valkey: EmbeddedValkey, tmp_path: Path
) -> None:
    replica = EmbeddedValkey(tmp_path / "replica")
    replica.start()
    port = free_port()
    with redis.Redis.from_url(own_valkey.url) as primary_client, redis.Redis.from_url(replica.url) as client:
        primary_client.config_set("port", port)
        with _broadcaster(settings, redis_url=SecretStr(own_valkey.url)) as running:
            client.replicaof("127.0.0.1", str(port))
            wait_for(lambda: client.exists(running.context.keys.pair), what="the replication")
            client.replicaof("NO", "ONE")

            with _broadcaster(settings, redis_url=SecretStr(replica.url)) as second:
                checks = second.check()
    replica.stop()

    assert checks["redis"] == "ok"


def test_a_worker_ends_that_finds_out_later(running: Broadcaster, own_valkey: EmbeddedValkey) -> None:
    own_valkey.stop()
    with _broadcaster(running.settings, redis_url=SecretStr(own_valkey.url)) as late:
        threading.Timer(0.5, own_valkey.start).start()

        with pytest.raises(BroadcastError, match=r"another Redis|engine cannot start"):
            Worker(late).run()


# --- one namespace, two stores ---------------------------------------------------------------------------------------


def test_another_store_in_the_namespace_is_refused_and_both_are_named(
    running: Broadcaster, other_store: Settings
) -> None:
    with pytest.raises(SetupError) as refusal:
        _broadcaster(other_store).start()

    assert str(other_store.sqlite_path) in str(refusal.value)
    name = running.settings.sqlite_path if running.context.database.is_sqlite else "postgresql"
    assert str(name) in str(refusal.value)


def test_the_namespace_of_a_stopped_installation_is_taken_over_without_its_keys(
    settings: Settings, other_store: Settings
) -> None:
    with _broadcaster(settings) as first:
        first.context.redis.set(f"{settings.namespace}:sealed:1", 1)
        first.tasks.turn(1, rank=0)

    with _broadcaster(other_store) as second:
        client = second.context.redis
        stale, tasks = client.exists(f"{settings.namespace}:sealed:1"), second.tasks.huey.pending_count()

    assert (stale, tasks) == (0, 0)


# --- one store, two secret keys --------------------------------------------------------------------------------------


def test_another_secret_key_is_refused(running: Broadcaster) -> None:
    with pytest.raises(SetupError, match="another secret key"):
        _broadcaster(running.settings, secret_key=SecretStr(Fernet.generate_key().decode())).start()


def test_a_lost_key_file_is_refused_and_no_wrong_one_is_left(settings: Settings) -> None:
    _broadcaster(settings).start().close()
    kept = (settings.data_dir / "secret.key").read_bytes()
    (settings.data_dir / "secret.key").unlink()

    with pytest.raises(SetupError, match=r"secret\.key"):
        _broadcaster(settings).start()

    assert not (settings.data_dir / "secret.key").exists()
    (settings.data_dir / "secret.key").write_bytes(kept)
    with _broadcaster(settings) as again:
        assert again.check()["store"] == "ok"


def test_a_store_of_an_earlier_version_is_checked_by_its_connections(settings: Settings) -> None:
    with _broadcaster(settings) as broadcaster, broadcaster.context.database.write() as conn:
        conn.exec_driver_sql("UPDATE installation SET key_check = NULL")

    with pytest.raises(SetupError, match="another secret key"):
        _broadcaster(settings, secret_key=SecretStr(Fernet.generate_key().decode())).start()
