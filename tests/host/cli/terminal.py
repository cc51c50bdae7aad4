"""Commands that run in a terminal of their own."""

import os
import pty
import subprocess
import sys
from typing import Any


def run_in_terminal(server: Any, *arguments: str, columns: int = 120, answer: str = "") -> tuple[int, str]:
    """Run a command against a server in a terminal.

    :param answer: is typed before the command asks for it.
    :returns: the exit status, and what the terminal shows.
    """
    main, side = pty.openpty()
    environment = server.client_environment() | {"TERM": "xterm-256color", "COLUMNS": str(columns)}
    command = [sys.executable, "-m", "host_litestar", *arguments]
    with subprocess.Popen(command, env=environment, stdin=side, stdout=side, stderr=side) as process:
        os.close(side)
        os.write(main, answer.encode())
        shown = b"".join(iter(lambda: _read(main), b""))
    os.close(main)
    return process.returncode, shown.decode()


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 4096)
    except OSError:  # the other side is closed
        return b""
