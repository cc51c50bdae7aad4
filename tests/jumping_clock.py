"""A Valkey whose wall clock the test sets: its process runs under libfaketime (Debian: faketime)."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from wabroadcast_core.queue.embedded import EmbeddedValkey

LIBRARIES = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
NEEDS_FAKETIME = pytest.mark.skipif(not LIBRARIES, reason="libfaketime is not installed (Debian: faketime)")


class JumpingValkey:
    """A server and its clock, which is right until it jumps."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir()
        self.server = EmbeddedValkey(directory)
        self._offset = directory / "offset"
        self.jump(0)

    def start(self) -> None:
        with _environment(
            LD_PRELOAD=str(LIBRARIES[-1]),
            FAKETIME_TIMESTAMP_FILE=str(self._offset),
            FAKETIME_NO_CACHE="1",
            FAKETIME_DONT_FAKE_MONOTONIC="1",
        ):
            self.server.start()

    def stop(self) -> None:
        self.server.stop()

    def jump(self, seconds: float) -> None:
        """Put the clock so far ahead of the right time, or behind it."""
        written = self._offset.with_suffix(".new")
        written.write_text(f"{seconds:+g}\n")
        written.replace(self._offset)


@contextmanager
def _environment(**variables: str) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update(variables)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
