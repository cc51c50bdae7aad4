"""The embedded Valkey."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import redis

from tests.waiting import wait_for
from wabroadcast_core.errors import SetupError
from wabroadcast_core.queue.embedded import EmbeddedValkey

STARTER = """
import sys
from pathlib import Path
from wabroadcast_core.queue.embedded import EmbeddedValkey
server = EmbeddedValkey(Path(sys.argv[1]))
server.start()
print("started", flush=True)
sys.stdin.read()
"""


def _client(server: EmbeddedValkey) -> redis.Redis:
    return redis.Redis.from_url(server.url)


def test_a_second_process_shares_the_server_and_does_not_stop_it(tmp_path: Path) -> None:
    first, second = EmbeddedValkey(tmp_path), EmbeddedValkey(tmp_path)
    first.start()
    second.start()
    with _client(first) as client:
        client.set("stored", 1)

        second.stop()
        shared = client.get("stored")
    first.stop()

    assert (first.url, shared) == (second.url, b"1")
    assert not second.is_owned
    assert not first._answers()


def test_the_data_survives_a_stop_and_a_kill(tmp_path: Path) -> None:
    server = EmbeddedValkey(tmp_path)
    server.start()
    with _client(server) as client:
        client.set("before-stop", 1)
    server.stop()
    server.start()
    with _client(server) as client:
        client.set("before-kill", 1)
    server.kill()
    server.start()

    with _client(server) as client:
        found = client.mget("before-stop", "before-kill")
    server.stop()

    assert found == [b"1", b"1"]


def test_a_data_directory_with_a_long_path_has_its_socket_elsewhere(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 100) / ("e" * 100)
    server = EmbeddedValkey(deep)

    server.start()
    with _client(server) as client:
        answer = client.ping()
    server.stop()

    assert answer
    assert deep not in server.socket_path.parents
    assert server.socket_path.parent.stat().st_mode & 0o077 == 0
    assert EmbeddedValkey(tmp_path / ("f" * 100) / ("e" * 100)).url != server.url


def test_a_directory_that_cannot_be_created_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(SetupError, match="file"):
        EmbeddedValkey(tmp_path / "file").start()


def test_no_server_outlives_a_killed_parent(tmp_path: Path) -> None:
    parent = subprocess.Popen([sys.executable, "-c", STARTER, tmp_path], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert parent.stdin is not None
    assert parent.stdout is not None
    assert parent.stdout.readline() == b"started\n"
    server = EmbeddedValkey(tmp_path)
    with _client(server) as client:
        pid = client.info("server")["process_id"]

    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    wait_for(lambda: not _is_running(pid), seconds=10, what="the end of the server")
    parent.stdin.close()
    parent.stdout.close()

    assert not server._answers()


def _is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
