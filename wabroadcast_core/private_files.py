"""Directories and files that only their owner may read: they hold numbers, texts and secrets."""

import os
from pathlib import Path

DIRECTORY_MODE = 0o700
FILE_MODE = 0o600


def make_private_directory(directory: Path) -> None:
    """Create a directory and its missing parents, for their owner only. One that exists is not changed.

    :raises OSError: it cannot be created.
    """
    missing = [path for path in (directory, *directory.parents) if not path.exists()]
    for path in reversed(missing):
        path.mkdir(mode=DIRECTORY_MODE, exist_ok=True)


def make_private_file(path: Path) -> None:
    """Create an empty file that only its owner may read, if there is none.

    :raises OSError: it cannot be created.
    """
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT, FILE_MODE))


def protect(path: Path) -> None:
    """Take a directory or a file of ours away from everybody but its owner, as an earlier version did not."""
    if path.exists() and path.stat().st_uid == os.geteuid():
        path.chmod(DIRECTORY_MODE if path.is_dir() else FILE_MODE)
