"""The write-ahead log of an SQLite database, compared with the index that its processes left after a crash.

SQLite drops the log from its first damaged frame on and reports nothing: the store goes back in time, and messages that
were sent since then would be sent again. The index (``-shm``) has the number of frames that were committed, until the
next process opens the database and writes it anew. The formats: https://sqlite.org/walformat.html
"""

import os
import struct
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Self

_HEADER = struct.Struct(">4I8s2I")  # magic number, version, page size, number of checkpoints, salt, checksum
_FRAME = struct.Struct(">2I8s2I")  # page, size of the database after a commit, salt, checksum
_INDEX = struct.Struct("=3I2BH4I8s2I")  # version, -, changes, flags, page size, frames, pages, checksum, salt, checksum
_COPIED = struct.Struct("=I")
_COPIED_OFFSET = 2 * _INDEX.size  # behind the two copies of the header
_BIG_ENDIAN = 1  # the last bit of the magic number: the byte order of the words that checksums are made of
_MASK = 0xFFFFFFFF

Checksum = tuple[int, int]


@dataclass(frozen=True, slots=True)
class LogIndex:
    """What the index of a log has about it."""

    changes: int
    committed: int  # frames up to the end of the last committed transaction
    copied: int  # frames that a checkpoint has copied to the database file
    salt: bytes  # of the header and each frame, new whenever the log begins anew

    @classmethod
    def read(cls, database: Path) -> Self | None:
        """Read the index of a database; None if there is none, or if it is not valid."""
        shown = _show(Path(f"{database}-shm"))
        if len(shown) < _COPIED_OFFSET + _COPIED.size:
            return None
        _, _, changes, *_, committed, _, _, _, salt, first, second = _INDEX.unpack_from(shown)
        if _add(struct.unpack_from("=10I", shown), (0, 0)) != (first, second):
            return None
        (copied,) = _COPIED.unpack_from(shown, _COPIED_OFFSET)
        return cls(changes=changes, committed=committed, copied=copied, salt=salt)


def _show(path: Path) -> bytes:
    """Return what a file has, read by another process; nothing if it cannot be read.

    A process that opens and closes a file loses the locks that it has on it, and SQLite locks the index.
    """
    if not path.exists():  # as after every stop in order
        return b""
    try:
        return subprocess.run(["cat", path], capture_output=True, check=False).stdout  # noqa: S603, S607 - no shell
    except OSError:
        return b""  # no `cat` here


@dataclass(frozen=True, slots=True)
class LogDamage:
    """Committed frames that SQLite will drop from a log."""

    lost: int
    committed: int
    is_copied: bool  # the database file has all of them


def find_damage(database: Path, *, seconds: float) -> LogDamage | None:
    """Look for committed frames that are missing in the log of a database or damaged.

    Call this before SQLite opens the database. A log that other processes write to meanwhile is not judged.

    :param seconds: the longest time to look.
    """
    index = LogIndex.read(database)
    if index is None or not index.committed:
        return None
    intact = _count_intact(Path(f"{database}-wal"), index, ends_at=time.monotonic() + seconds)
    is_copied = index.copied >= index.committed
    if intact >= index.committed or (is_copied and not intact) or LogIndex.read(database) != index:
        return None
    return LogDamage(lost=index.committed - intact, committed=index.committed, is_copied=is_copied)


def _count_intact(log: Path, index: LogIndex, *, ends_at: float) -> int:
    """Return the number of frames before the first damaged one; after ``ends_at`` the rest counts as intact."""
    try:
        with log.open("rb") as file:
            return _count_frames(file, index, ends_at=ends_at)
    except FileNotFoundError:
        return 0


def _count_frames(file: BinaryIO, index: LogIndex, *, ends_at: float) -> int:
    header = file.read(_HEADER.size)
    if len(header) < _HEADER.size:
        return 0
    magic, _, page_size, _, salt, *stored = _HEADER.unpack(header)
    order = ">" if magic & _BIG_ENDIAN else "<"
    checksum = _add(struct.unpack(f"{order}6I", header[:24]), (0, 0))
    if salt != index.salt or checksum != tuple(stored):
        return 0
    words, size = struct.Struct(f"{order}{2 + page_size // 4}I"), _FRAME.size + page_size
    present: int = (os.fstat(file.fileno()).st_size - _HEADER.size) // size
    for number in range(min(index.committed, present)):
        if time.monotonic() > ends_at:
            break
        frame = file.read(size)
        _, _, salt, *stored = _FRAME.unpack_from(frame)
        checksum = _add(words.unpack(frame[:8] + frame[_FRAME.size :]), checksum)
        if salt != index.salt or checksum != tuple(stored):
            return number
    return min(index.committed, present)


def _add(words: Sequence[int], checksum: Checksum) -> Checksum:
    """Return the checksum of all words so far: SQLite continues it from frame to frame."""
    first, second = checksum
    for even, odd in zip(words[::2], words[1::2], strict=True):
        first = (first + even + second) & _MASK
        second = (second + odd + first) & _MASK
    return first, second
