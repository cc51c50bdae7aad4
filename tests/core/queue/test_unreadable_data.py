"""The embedded Valkey on data that it cannot read: the data is set aside, and the server starts empty."""

import logging
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis

from tests.disks import fill_disk
from tests.waiting import wait_for
from wabroadcast_core.errors import SetupError
from wabroadcast_core.queue.embedded import EmbeddedValkey

pytestmark = pytest.mark.slow


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EmbeddedValkey]:
    """A server that has stored two keys, one of them in its base file, and was stopped."""
    made = EmbeddedValkey(tmp_path)
    made.start()
    with redis.Redis.from_url(made.url) as client:
        client.set("base", "1" * 1_000)
        client.bgrewriteaof()
        while (
            client.info("persistence")["aof_rewrite_in_progress"] or client.info("persistence")["aof_rewrite_scheduled"]
        ):
            pass
        for number in range(200):
            client.set(f"key-{number}", "1" * 100)
    made.stop()
    yield made
    made.stop()


def _file(directory: Path, pattern: str) -> Path:
    (found,) = directory.glob(f"appendonlydir/{pattern}")
    return found


def _add_garbage_at_the_end(directory: Path) -> None:
    with _file(directory, "*.incr.aof").open("ab") as file:
        file.write(b"\xff\x00garbage\r\n" * 100)


def _put_garbage_in_the_middle(directory: Path) -> None:
    with _file(directory, "*.incr.aof").open("r+b") as file:
        file.seek(5_000)
        file.write(b"\xff" * 200)  # more than one value


def _put_an_unknown_command(directory: Path) -> None:
    with _file(directory, "*.incr.aof").open("ab") as file:
        file.write(b"*1\r\n$9\r\nNEWERTHAN\r\n")


def _break_the_manifest(directory: Path) -> None:
    _file(directory, "*.manifest").write_bytes(b"no manifest\n")


def _empty_the_manifest(directory: Path) -> None:
    _file(directory, "*.manifest").write_bytes(b"")


def _delete_the_base(directory: Path) -> None:
    _file(directory, "*.base.rdb").unlink()


def _break_the_base(directory: Path) -> None:
    path = _file(directory, "*.base.rdb")
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(data)


def _truncate_the_base(directory: Path) -> None:
    path = _file(directory, "*.base.rdb")
    path.write_bytes(path.read_bytes()[:40])


def _use_a_newer_format(directory: Path) -> None:
    path = _file(directory, "*.base.rdb")
    path.write_bytes(path.read_bytes()[:5] + b"9999" + path.read_bytes()[9:])


def _replace_by_a_file(directory: Path) -> None:
    (directory / "appendonlydir").rename(directory / "kept")
    (directory / "appendonlydir").write_bytes(b"not a directory")


@pytest.mark.parametrize(
    "damage",
    [
        _add_garbage_at_the_end,
        _put_garbage_in_the_middle,
        _put_an_unknown_command,
        _break_the_manifest,
        _empty_the_manifest,
        _delete_the_base,
        _break_the_base,
        _truncate_the_base,
        _use_a_newer_format,
        _replace_by_a_file,
    ],
)
def test_unreadable_data_is_set_aside(
    server: EmbeddedValkey, damage: Callable[[Path], None], caplog: pytest.LogCaptureFixture
) -> None:
    damage(server.directory)

    with caplog.at_level(logging.WARNING):
        server.start()
    with redis.Redis.from_url(server.url) as client:
        stored = client.set("new", 1)
        found = client.dbsize()

    (aside,) = server.directory.glob("set-aside-*")
    (line,) = [record.getMessage() for record in caplog.records]
    assert stored
    assert found == 1
    assert (aside / "appendonlydir").exists()
    assert str(aside) in line


def test_a_truncated_file_keeps_what_is_whole(server: EmbeddedValkey) -> None:
    path = _file(server.directory, "*.incr.aof")
    path.write_bytes(path.read_bytes()[:-20])

    server.start()
    with redis.Redis.from_url(server.url) as client:
        found = client.exists("base", "key-0", "key-199")

    assert found == 2
    assert not list(server.directory.glob("set-aside-*"))


def test_a_full_disk_is_named_and_the_data_stays_in_its_place(small_disk: Path) -> None:
    server = EmbeddedValkey(small_disk)
    server.start()
    with redis.Redis.from_url(server.url, retry=None) as client:
        client.set("kept", 1)
        fill_disk(small_disk)
        with pytest.raises(redis.RedisError):
            client.set("lost", "1" * 10_000)
        wait_for(lambda: not server.is_running(), what="the end of the server")
    described = server.describe_end()
    (small_disk / "fill").unlink()
    server.start()
    with redis.Redis.from_url(server.url) as client:
        kept = client.get("kept")
    server.stop()

    assert "free space on the disk" in described, server._log_path.read_text()
    assert kept == b"1"
    assert not list(server.directory.glob("set-aside-*"))


def test_a_disk_that_cannot_be_written_is_named(small_disk: Path) -> None:
    server = EmbeddedValkey(small_disk)
    server.start()
    server.stop()
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)

    with pytest.raises(SetupError, match=r"(?i)read-only"):
        server.start()
