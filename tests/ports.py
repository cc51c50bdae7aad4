"""Free ports for programs that take theirs from an argument."""

import contextlib
import secrets
import socket
from typing import Final

FIRST: Final = 10_000
AMOUNT: Final = 20_000  # they end below those that systems choose: Linux from 32768, macOS from 49152


def free_port() -> int:
    """Return a port of this machine that nothing uses.

    One that the system chose might be chosen again, for another test's server, before the program listens on it.
    """
    while True:
        port = FIRST + secrets.randbelow(AMOUNT)
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            return port
