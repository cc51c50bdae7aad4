"""``wabroadcast migrate``."""

import contextlib
import sqlite3
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

from wabroadcast_core import TABLE_NAMES

Command: TypeAlias = "Callable[..., subprocess.CompletedProcess[str]]"


def test_the_tables_are_created_once_and_kept(tmp_path: Path, command: Command) -> None:
    shown = [command("migrate", "--data-dir", "data", cwd=tmp_path, WABROADCAST_MIGRATE="false") for _ in range(2)]

    assert [made.returncode for made in shown] == [0, 0]
    assert shown[0].stdout == shown[1].stdout
    assert shown[0].stdout.startswith("the tables have the schema ")
    with contextlib.closing(sqlite3.connect(tmp_path / "data" / "wabroadcast.db")) as conn:
        names = {name for (name,) in conn.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
    assert names >= TABLE_NAMES
