"""The slow disk and the distant server of the tests."""

import logging
import time
from pathlib import Path

import pytest
import redis
from sqlalchemy import create_engine, text

from tests.slow_parts import SlowCommits, distant
from wabroadcast_core.queue.embedded import EmbeddedValkey
from wabroadcast_core.store.database import Database


def test_commits_of_writes_are_slow_and_counted_and_reads_are_not() -> None:
    database = Database(create_engine("sqlite://"))
    slow = SlowCommits(database.db_engine, base=0.05, spike=0.0)

    began = time.monotonic()
    with database.read() as conn:
        conn.execute(text("SELECT 1"))
    assert slow.commits == 0

    with database.write() as conn:
        conn.execute(text("SELECT 1"))
    assert slow.commits == 1
    assert time.monotonic() - began >= 0.05
    database.close()


def test_one_commit_in_so_many_takes_much_longer() -> None:
    database = Database(create_engine("sqlite://"))
    slow, taken = SlowCommits(database.db_engine, base=0.0, spike=0.05, every=5), list[float]()

    for _ in range(50):
        began = time.monotonic()
        with database.write():
            pass
        taken.append(time.monotonic() - began)

    assert 3 <= sum(seconds >= 0.05 for seconds in taken) <= 25
    assert slow.commits == 50
    database.close()


def test_a_distant_server_answers_later_and_its_end_makes_no_noise(
    valkey: EmbeddedValkey, tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    with (
        distant(str(valkey.socket_path), tmp_path / "far.sock", round_trip=0.1) as path,
        caplog.at_level(logging.DEBUG, "asyncio"),
    ):
        client = redis.Redis(unix_socket_path=str(path))
        client.ping()
        began = time.monotonic()
        client.ping()
        taken = time.monotonic() - began

    assert taken >= 0.099
    with pytest.raises(redis.ConnectionError):
        client.ping()
    client.close()
    assert "Traceback" not in capfd.readouterr().err
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []
