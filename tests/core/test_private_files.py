"""The data directory and all files in it are for their owner only, whatever the umask."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from wabroadcast_core import Settings
from wabroadcast_core.broadcaster import Broadcaster


@pytest.fixture
def open_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def _readable_by_others(directory: Path) -> list[str]:
    """Return what others can read; what is in Valkey's folder is behind the mode of that folder."""
    paths = [directory, *directory.iterdir()]
    return [path.name for path in paths if stat.S_IMODE(path.stat().st_mode) & 0o077]


@pytest.mark.slow
def test_nothing_in_a_new_data_directory_is_readable_by_others(tmp_path: Path, open_umask: None) -> None:
    directory = tmp_path / "new" / "data"

    with Broadcaster(Settings(data_dir=directory)):
        found = {path.name for path in directory.iterdir()}
        readable = _readable_by_others(directory)

    assert {"wabroadcast.db", "wabroadcast.db-wal", "secret.key", "valkey"} <= found
    assert readable == []


@pytest.mark.slow
def test_files_of_an_earlier_version_are_taken_away_from_others(tmp_path: Path) -> None:
    directory = tmp_path / "data"
    with Broadcaster(Settings(data_dir=directory)):
        pass
    directory.chmod(0o755)
    (directory / "wabroadcast.db").chmod(0o644)
    (directory / "valkey").chmod(0o755)

    with Broadcaster(Settings(data_dir=directory)):
        modes = [stat.S_IMODE((directory / name).stat().st_mode) for name in ("wabroadcast.db", "valkey")]

    assert modes == [0o600, 0o700]
    assert stat.S_IMODE(directory.stat().st_mode) == 0o755  # it may be any directory that the operator chose
