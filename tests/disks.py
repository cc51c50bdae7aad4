"""Small disks, and how they are filled: for tests of what happens when one is full."""

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path


class MountRefusedError(Exception):
    """This user may not mount a disk."""


@contextlib.contextmanager
def mounted_disk(path: Path) -> Iterator[Path]:
    """Mount a disk of 4 MB at an empty directory.

    :raises MountRefusedError: this user may not mount one.
    """
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", path], capture_output=True, check=False)
    if mounted.returncode:
        raise MountRefusedError
    yield path
    subprocess.run(["umount", "-l", path], check=True)


def fill_disk(disk: Path) -> None:
    """Write a file ``fill`` until the disk is full."""
    with (disk / "fill").open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(b"0" * 4_096):
            pass
