"""The programs of the host as processes: a server, and commands that call it."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import httpx

from host_litestar import __main__ as program
from host_litestar.cli import main
from tests.forked import ForkedProcess, run_forked
from tests.host import forked_children
from tests.waiting import wait_for

NO_TLS = False  # of a client of plain HTTP: to load the certificates takes longer than most calls
SAMPLE = Path(__file__).parents[2] / "host_litestar" / "samples" / "contacts.csv"


class Served:
    """``wabroadcast serve`` in a process of its own, with a data directory of its own.

    :param as_installed: whether the supervisor starts new interpreters, as a user's does, and forks no child processes;
        it always does where variables are given that Python reads at its start.
    """

    def __init__(
        self,
        directory: Path,
        *arguments: str,
        environment: Mapping[str, str] | None = None,
        as_installed: bool = False,
    ) -> None:
        self.directory = directory
        self.data = directory / "data"
        self.sample = SAMPLE
        self.log = directory / "serve.log"
        self.output = directory / "serve.out"
        self.environment = clean_environment(WABROADCAST_DATA_DIR=str(self.data)) | dict(environment or {})
        is_ours = all(name.startswith("WABROADCAST_") for name in environment or ())
        forks = sys.platform == "linux" and is_ours and not as_installed
        with self.log.open("wb") as log, self.output.open("wb") as output:
            self.process = ForkedProcess(
                forked_children.main if forks else main,
                [program.__file__, "serve", *arguments],
                environment=self.environment,
                directory=directory,
                stdout=output,
                stderr=log,
            )
        wait_for(lambda: "--message" in self.output.read_text() or self.process.poll() is not None, seconds=60)

    @property
    def url(self) -> str:
        return self.output.read_text().partition("API      ")[2].split()[0]

    def get(self, path: str, *, seconds: float = 30) -> httpx.Response:
        """Call the API. A busy machine may take seconds to answer."""
        return httpx.get(f"{self.url}{path}", timeout=seconds, verify=NO_TLS)

    def is_ready(self) -> bool:
        """Return whether the server is ready to serve.

        While its web process restarts, the supervisor keeps the socket open: calls then wait, they are not refused.
        """
        with contextlib.suppress(httpx.TransportError):
            return self.get("/health/ready", seconds=1).is_success
        return False

    def command(self, *arguments: str, **variables: str) -> "subprocess.CompletedProcess[str]":
        """Run a client command against this server."""
        return run_command(*arguments, cwd=self.directory, WABROADCAST_URL=self.url, **variables)

    def client_environment(self) -> dict[str, str]:
        return clean_environment(WABROADCAST_URL=self.url)

    def shell(self, line: str) -> "subprocess.CompletedProcess[str]":
        """Run a line in a shell, as if it were pasted into a terminal."""
        environment = clean_environment()
        return subprocess.run(
            line,
            shell=True,
            env=environment,
            cwd=self.directory,
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )

    def children(self, word: str = "") -> list[int]:
        """Return the ids of the processes that the server started and whose command line contains ``word``."""
        return children_of(self.process.pid, word)

    def valkey(self) -> list[int]:
        return find_valkey(self.process.pid)

    @staticmethod
    def children_of(parent: int) -> list[int]:
        return children_of(parent)

    def stop(self, number: int = signal.SIGTERM) -> int:
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(timeout=60)


def children_of(parent: int, word: str = "") -> list[int]:
    """Return the ids of the processes of this parent with this word in their name or command line."""
    listed = subprocess.run(
        ["ps", "-ww", "-e", "-o", "pid=,ppid=,comm=,args="], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    rows = [line.split(None, 2) for line in listed]
    return [int(pid) for pid, owner, line in rows if int(owner) == parent and word in line and "<defunct>" not in line]


def find_valkey(parent: int) -> list[int]:
    """Return the embedded Valkey's process id: its parent is a shell that the server process started."""
    shells = children_of(parent, "valkey")
    found = [pid for shell in shells for pid in children_of(shell)]
    return [pid for pid in found if Path(f"/proc/{pid}/comm").read_text().strip() == "valkey-server"]


def clean_environment(**variables: str) -> dict[str, str]:
    inherited = {name: text for name, text in os.environ.items() if not name.startswith("WABROADCAST_")}
    return inherited | {"PYTHONUNBUFFERED": "1"} | variables


def run_command(*arguments: str, cwd: Path, **variables: str) -> "subprocess.CompletedProcess[str]":
    """Run ``wabroadcast`` and wait for its end."""
    line = [program.__file__, *arguments]
    return run_forked(main, line, environment=clean_environment(**variables), directory=cwd)
