"""The probe of readiness: 200 only while the store and Redis take writes, otherwise 503 with the cause."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import redis
from litestar.testing import TestClient
from pydantic import SecretStr

from host_litestar.app import create_app
from tests.disks import fill_disk
from tests.host.installations import HERE, Api
from tests.servers import PostgresCluster
from wabroadcast_core import Settings, hookimpl
from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.queue.embedded import EmbeddedValkey

Disturb = Callable[[redis.Redis], object]
REDIS_FAULTS: list[Any] = [
    pytest.param(lambda server: server.config_set("maxmemory", 1), "maxmemory", id="out-of-memory"),
    pytest.param(lambda server: server.replicaof("127.0.0.1", "1"), "replica", id="read-only-replica"),
    pytest.param(lambda server: server.config_set("min-replicas-to-write", 1), "replicas", id="too-few-replicas"),
    pytest.param(lambda server: _change_user(server, "-@scripting"), "permission", id="no-scripts"),
    pytest.param(lambda server: _change_user(server, "-zadd"), "permission", id="a-command-is-missing"),
    pytest.param(lambda server: _change_user(server, "resetkeys"), "permission", id="no-keys"),
    pytest.param(lambda server: _change_user(server, "resetchannels"), "permission", id="no-channels"),
]


def _change_user(server: redis.Redis, rule: str) -> object:
    return server.execute_command("ACL", "SETUSER", "default", rule)  # type: ignore[no-untyped-call]  # untyped in redis-py


def test_ready_is_answered_with_200_while_all_is_well(alone_api: Api) -> None:
    answer = alone_api.get("/health/ready")

    assert answer.status_code == 200
    assert answer.json() == {"status": "ok", "checks": {"store": "ok", "redis": "ok"}, "causes": {}, "quarantined": {}}


class Misspelled:
    """A plugin that cannot be used."""

    @hookimpl
    def wab_broadcast_chnged(self) -> None: ...


def test_a_quarantined_plugin_is_named_and_the_server_is_ready(host_settings: Settings) -> None:
    with TestClient(create_app(Broadcaster(host_settings, plugins=[Misspelled()])), base_url=HERE) as client:
        answer = client.get("/health/ready")

    assert answer.status_code == 200
    assert "wab_broadcast_chnged" in answer.json()["quarantined"]["Misspelled"]


@pytest.mark.parametrize(("disturb", "word"), REDIS_FAULTS)
def test_a_redis_that_refuses_writes_is_not_ready(
    alone_api: Api, own_valkey: EmbeddedValkey, disturb: Disturb, word: str
) -> None:
    with redis.Redis.from_url(own_valkey.url) as server:
        disturb(server)

    answer = alone_api.get("/health/ready")

    assert answer.status_code == 503
    assert answer.json()["checks"] == {"store": "ok", "redis": "unavailable"}
    assert word in answer.json()["causes"]["redis"]


def test_a_stopped_redis_is_not_ready_and_its_address_is_not_disclosed(
    alone_api: Api, own_valkey: EmbeddedValkey
) -> None:
    own_valkey.stop()

    answer = alone_api.get("/health/ready")

    assert answer.status_code == 503
    assert "cannot be reached" in answer.json()["causes"]["redis"]
    assert str(own_valkey.socket_path) not in answer.text


@pytest.mark.parametrize(
    ("password", "word"),
    [pytest.param("", "requires a password", id="none"), pytest.param("no", "refuses", id="wrong")],
)
def test_a_wrong_password_is_not_ready(host_settings: Settings, tmp_path: Path, password: str, word: str) -> None:
    server = EmbeddedValkey(tmp_path / "locked")
    server.start()
    with redis.Redis.from_url(server.url) as client:
        client.config_set("requirepass", "s3cret")
    url = f"unix://{f':{password}@' if password else ''}{server.socket_path}"
    settings = Settings(data_dir=host_settings.data_dir, redis_url=url, namespace=host_settings.namespace)

    with TestClient(create_app(settings), base_url=HERE) as client:
        answer = client.get("/health/ready")
    server.stop()

    assert answer.status_code == 503
    assert word in answer.json()["causes"]["redis"]
    assert "s3cret" not in answer.text


def test_a_store_on_a_full_disk_is_not_ready(small_disk: Path, valkey: EmbeddedValkey, tmp_path: Path) -> None:
    settings = Settings(data_dir=small_disk, redis_url=valkey.url, namespace=f"d{abs(hash(tmp_path))}")

    with TestClient(create_app(settings), base_url=HERE, raise_server_exceptions=False) as client:
        good = client.get("/health/ready")
        fill_disk(small_disk)
        bad = client.get("/health/ready")
        (small_disk / "fill").unlink()

    assert good.status_code == 200
    assert bad.status_code == 503
    assert bad.json()["checks"] == {"store": "unavailable", "redis": "ok"}
    assert "full" in bad.json()["causes"]["store"]


def test_a_store_on_a_standby_is_not_ready(host_settings: Settings, postgres: PostgresCluster) -> None:
    with postgres.lend_store() as url:
        settings = host_settings.model_copy(update={"database_url": SecretStr(url)})
        with TestClient(create_app(settings), base_url=HERE, raise_server_exceptions=False) as client:
            with postgres.read_only(url):
                bad = client.get("/health/ready")
            good = client.get("/health/ready")

    assert (bad.status_code, good.status_code) == (503, 200)
    assert "primary" in bad.json()["causes"]["store"]
