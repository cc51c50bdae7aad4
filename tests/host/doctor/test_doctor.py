"""``wabroadcast doctor``: each finding, its remedy and the exit status, on real parts that work or do not."""

import contextlib
import json
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import redis
from pydantic import SecretStr
from sqlalchemy import update

from host_litestar.doctor.examination import examine
from host_litestar.doctor.findings import Finding, Level, exit_status
from tests.host.installations import install
from tests.host.programs import Served
from tests.receivers import SECRET
from tests.waiting import wait_for
from wabroadcast_core import Settings, WebhookRequest
from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.queue.embedded import EmbeddedValkey
from wabroadcast_core.store.tables import callback_events, connections
from wabroadcast_core.store.webhook_calls import insert_calls


@pytest.fixture
def installed(tmp_path: Path, own_valkey: EmbeddedValkey, sqlite_store: Path) -> Iterator[Settings]:
    """An installation on a Valkey of its own, without a server or a worker."""
    settings = install(tmp_path / "data", own_valkey, sqlite_store)
    with Broadcaster(settings):  # creates the first connection
        pass
    yield settings
    own_valkey.start()  # a test may have killed it


def found_in(settings: Settings, part: str) -> list[Finding]:
    return [finding for finding in examine(settings) if finding.part == part]


def levels_of(settings: Settings, part: str) -> dict[str, Level]:
    return {finding.fact: finding.level for finding in found_in(settings, part)}


def test_an_installation_without_workers_has_one_warning_with_its_remedy(installed: Settings) -> None:
    findings = list(examine(installed))

    bad = [finding for finding in findings if finding.level is not Level.OK]
    assert [(finding.part, finding.fact) for finding in bad] == [("workers", "none is alive")]
    assert "wabroadcast worker" in bad[0].remedy
    assert {finding.part for finding in findings} == {
        "redis",
        "store",
        "plugins",
        "disk",
        "workers",
        "clocks",
        "webhooks",
        "callbacks",
        "connection sandbox",
    }
    assert exit_status(findings) == 1


def test_each_finding_that_is_not_ok_has_a_remedy(tmp_path: Path) -> None:
    findings = list(examine(Settings(data_dir=tmp_path / "nothing")))

    assert [finding for finding in findings if finding.level is not Level.OK and not finding.remedy] == []
    assert exit_status(findings) == 1
    assert not (tmp_path / "nothing").exists()


def test_no_worker_is_a_fault_while_messages_wait(installed: Settings) -> None:
    with Broadcaster(installed) as broadcaster:
        message = {"type": "text", "text": "Halo"}
        broadcaster.submit({"name": "x", "connection": "sandbox", "message": message}, [{"number": "081200001001"}])
        broadcaster.handlers.prepare(1)

    assert levels_of(installed, "workers") == {"none is alive, and 1 message waits": Level.FAULT}


def test_a_redis_that_does_not_answer_is_a_fault(installed: Settings, own_valkey: EmbeddedValkey) -> None:
    own_valkey.kill()

    (finding,) = found_in(installed, "redis")

    assert (finding.level, finding.fact) == (Level.FAULT, "Redis cannot be reached")
    assert "WABROADCAST_REDIS_URL" in finding.remedy


@pytest.mark.parametrize(
    ("changes", "level", "words"),
    [
        pytest.param({"maxmemory-policy": "allkeys-lru"}, Level.WARNING, "would delete keys", id="policy"),
        pytest.param(
            {"maxmemory-policy": "allkeys-lru", "maxmemory": "100mb"}, Level.FAULT, "it deletes keys", id="eviction"
        ),
        pytest.param({"appendonly": "no"}, Level.WARNING, "does not write each command to disk", id="persistence"),
        pytest.param({"maxmemory": "4mb"}, Level.WARNING, "of its memory limit", id="memory"),
        pytest.param({"maxmemory": "1"}, Level.FAULT, "memory limit is reached", id="full"),
    ],
)
def test_settings_of_redis(
    installed: Settings, own_valkey: EmbeddedValkey, changes: dict[str, str], level: Level, words: str
) -> None:
    with redis.Redis.from_url(own_valkey.url) as client:
        if changes.get("maxmemory") == "4mb":
            used = int(client.info("memory")["used_memory"])
            changes = {"maxmemory": str(int(used / 0.95))}
        for name, value in changes.items():
            client.config_set(name, value)

    (finding,) = [finding for finding in found_in(installed, "redis") if words in finding.fact]

    assert finding.level is level
    assert finding.remedy


def test_a_damaged_store_is_a_fault(installed: Settings) -> None:
    conn = sqlite3.connect(installed.sqlite_path)
    conn.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    conn.close()
    with installed.sqlite_path.open("r+b") as file:
        file.seek(4096 * 2)
        file.write(b"\xff" * 4096 * 20)

    findings = found_in(installed, "store")

    assert findings[-1].level is Level.FAULT
    assert "damaged" in findings[-1].fact
    assert "backup" in findings[-1].remedy


@pytest.mark.parametrize(
    ("revision", "level", "words"),
    [
        pytest.param("0001", Level.WARNING, "older version", id="older"),
        pytest.param("9999", Level.FAULT, "newer version", id="newer"),
    ],
)
def test_another_schema_is_reported_and_not_migrated(
    installed: Settings, revision: str, level: Level, words: str
) -> None:
    with contextlib.closing(sqlite3.connect(installed.sqlite_path)) as conn, conn:
        conn.execute("UPDATE wabroadcast_version SET version_num = ?", [revision])

    findings = [finding for finding in found_in(installed, "store") if words in finding.fact]

    assert [finding.level for finding in findings] == [level]
    with contextlib.closing(sqlite3.connect(installed.sqlite_path)) as conn:
        assert conn.execute("SELECT version_num FROM wabroadcast_version").fetchone() == (revision,)


def test_a_wrong_database_url_is_a_fault_and_shows_no_password(installed: Settings) -> None:
    wrong = installed.model_copy(update={"database_url": SecretStr("postgresql://me:hunter2@127.0.0.1:1/none")})

    findings = found_in(wrong, "store")

    assert exit_status(findings) == 2
    assert "hunter2" not in str(findings)


@pytest.mark.parametrize(
    ("changes", "code", "level"),
    [
        pytest.param({}, "import no_such_package", Level.WARNING, id="any-plugin"),
        pytest.param({}, "import no_such_package  # wab_blacklisted", Level.FAULT, id="blacklist"),
        pytest.param({"plugins_strict": True}, "import no_such_package", Level.FAULT, id="strict"),
    ],
)
def test_a_quarantined_plugin_is_reported_with_its_remedy(
    installed: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    changes: dict[str, Any],
    code: str,
    level: Level,
) -> None:
    facts = tmp_path / "site" / "wab_unfit-1.dist-info"
    facts.mkdir(parents=True)
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: wab-unfit\nVersion: 1\n")
    (facts / "entry_points.txt").write_text("[wabroadcast]\nunfit = wab_unfit\n")
    (facts.parent / "wab_unfit.py").write_text(code)
    monkeypatch.syspath_prepend(facts.parent)

    _, finding = found_in(installed.model_copy(update=changes), "plugins")

    assert (finding.level, finding.blocks) == (level, bool(changes))
    assert finding.fact.startswith("unfit is quarantined: ")
    assert "WABROADCAST_BLOCKED_PLUGINS=unfit" in finding.remedy


def test_a_paused_connection_is_a_warning(installed: Settings) -> None:
    with Broadcaster(installed) as broadcaster:
        broadcaster.connections.pause("sandbox")

    assert levels_of(installed, "connection sandbox")["it is paused"] is Level.WARNING


def test_a_connection_whose_sender_is_missing_is_a_fault(installed: Settings) -> None:
    with Broadcaster(installed) as broadcaster, broadcaster.context.database.write() as conn:
        conn.execute(update(connections).values(sender="gone"))

    assert levels_of(installed, "connection sandbox")["its sender gone is not installed"] is Level.FAULT


@pytest.mark.parametrize(
    ("offset", "shown", "level"),
    [(1.25, "1.25", Level.OK), (-0.004, "0", Level.OK), (-5.0, "-5", Level.WARNING), (90.0, "90", Level.FAULT)],
)
def test_a_wrong_clock_of_a_host_is_reported(installed: Settings, offset: float, shown: str, level: Level) -> None:
    with Broadcaster(installed) as broadcaster:
        context = broadcaster.context
        context.redis.hset(context.keys.host_clocks, "elsewhere", f"{offset},{context.redis.time()[0]}")

    found = levels_of(installed, "clocks")

    assert found[f"the clock of elsewhere differs by {shown} s from Redis' clock"] is level


@pytest.mark.parametrize(("age", "level"), [(10, Level.OK), (7_200, Level.WARNING)])
def test_a_webhook_call_that_waits_for_long_is_a_warning(installed: Settings, age: int, level: Level) -> None:
    with Broadcaster(installed) as broadcaster, broadcaster.context.database.write() as conn:
        received_at = broadcaster.context.clock.now() - age
        insert_calls(conn, [(1, WebhookRequest("POST", {}, {}))], now=received_at)

    ((fact, found),) = levels_of(installed, "webhooks").items()

    assert found is level
    assert fact.startswith("the oldest unprocessed call came ")


@pytest.mark.parametrize(
    ("age", "secret", "level"), [(10, SECRET, Level.OK), (700, SECRET, Level.WARNING), (10, None, Level.WARNING)]
)
def test_callbacks_that_wait_for_long_or_for_a_secret_are_a_warning(
    installed: Settings, age: int, secret: str | None, level: Level
) -> None:
    settings = Settings.model_validate(installed.model_dump(exclude_unset=True) | {"callback_secret": secret})
    message = {"type": "text", "text": "Halo"}
    fields = {"name": "x", "connection": "sandbox", "message": message, "callbackUrl": "https://main.example/"}
    with Broadcaster(settings) as broadcaster:
        broadcaster.submit(fields, [{"number": "081200001001"}])
        with broadcaster.context.database.write() as conn:
            conn.execute(callback_events.update().values(at=broadcaster.context.clock.now() - age))

    (found,) = found_in(settings, "callbacks")

    assert (found.level, found.fact.startswith("1 wait")) == (level, True)
    assert ("WABROADCAST_CALLBACK_SECRET" in found.remedy) is (secret is None)


@pytest.mark.parametrize(
    ("free", "level"), [(2 * 1024**3, Level.OK), (500 * 1024**2, Level.WARNING), (10 * 1024**2, Level.FAULT)]
)
def test_little_space_on_the_disk_is_reported(
    installed: Settings, monkeypatch: pytest.MonkeyPatch, free: int, level: Level
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _path: SimpleNamespace(free=free))

    (found,) = found_in(installed, "disk")

    assert (found.level, bool(found.remedy)) == (level, level is not Level.OK)


def test_sends_without_any_receipt_are_a_warning(installed: Settings) -> None:
    with Broadcaster(installed) as broadcaster, broadcaster.context.database.write() as conn:
        ended = int(broadcaster.context.clock.now())
        conn.exec_driver_sql(f"INSERT INTO connection_starts VALUES (1, {ended}, 5)")

    found = levels_of(installed, "connection sandbox")

    assert found["no receipt has come yet, and messages have left since"] is Level.WARNING


def test_the_command_prints_json_and_sets_the_exit_status(installed: Settings, command: Any) -> None:
    environment = {
        "WABROADCAST_DATA_DIR": str(installed.data_dir),
        "WABROADCAST_REDIS_URL": installed.redis_url.get_secret_value() if installed.redis_url else "",
        "WABROADCAST_NAMESPACE": installed.namespace,
    }

    done = command("doctor", "--json", cwd=installed.data_dir, **environment)

    findings = json.loads(done.stdout)["findings"]
    assert done.returncode == 1, done.stderr
    assert set(findings[0]) == {"part", "level", "code", "fact", "remedy"}
    assert {finding["level"] for finding in findings} == {"ok", "warning"}


def test_a_server_is_examined_over_its_api(server: Served) -> None:
    wait_for(lambda: "wabroadcast_workers_alive 1" in server.get("/metrics").text, what="the start of its worker")

    done = server.command("doctor", "--remote")

    assert done.returncode == 0, done.stdout
    lines = done.stdout.splitlines()
    assert any(line.startswith("ok       workers: ") for line in lines)
    assert any(line.startswith("ok       connection sandbox: up") for line in lines)


def test_a_quarantined_plugin_of_a_server_is_reported(serve: Callable[..., Served]) -> None:
    server = serve(WABROADCAST_REQUIRED_PLUGINS="nosuch")

    done = server.command("doctor", "--remote")

    assert done.returncode == 1, done.stdout
    assert "warning  plugins: nosuch is quarantined: " in done.stdout


def test_a_server_that_does_not_answer_is_a_fault(command: Any, tmp_path: Path) -> None:
    done = command("doctor", "--remote", cwd=tmp_path, WABROADCAST_URL="http://127.0.0.1:9")

    assert done.returncode == 2
    assert done.stdout.startswith("fault    server: no server answers at http://127.0.0.1:9: start one")
