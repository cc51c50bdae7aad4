"""Runs the commands of a guide as a person does in a terminal: one after the other, servers in the background."""

import contextlib
import os
import shlex
import signal
import sqlite3
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import IO, Any

import httpx

from tests.forked import ForkedProcess
from tests.forked_programs import run_program, start_program
from tests.waiting import wait_for

CLEAN_ENDS = {0, -signal.SIGTERM}  # uvicorn ends by the signal itself, after its shutdown


class Terminal:
    """A terminal in a directory of its own.

    :param environment: the variables of its programs; what a guide exports does not replace them.
    :param port: used in the place of port 8000.
    """

    def __init__(self, directory: Path, environment: Mapping[str, str], *, port: int) -> None:
        self.servers: list[ForkedProcess] = []
        self.log = directory / "terminal.log"
        self._directory = directory
        self._environment = dict(environment)
        self._port = port
        self._client = httpx.Client(timeout=30)

    def run(self, line: str) -> str:
        """Run a line, and return what it prints; one that ends with ``&`` goes on in the background."""
        words = shlex.split(line.replace("8000", str(self._port)))
        match words:
            case ["export", setting]:
                name, _, value = setting.partition("=")
                self._environment.setdefault(name, value)
                return ""
            case [*command, "&"]:
                with self.log.open("ab") as log:
                    self.servers.append(self._start(command, log))
                return ""
        done = run_program(words, directory=self._directory, environment=self._environment)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def call(self, line: str) -> httpx.Response:
        """Make the request of a line with curl, once the server listens."""
        client, *words = shlex.split(line.replace("8000", str(self._port)))
        assert client == "curl"
        headers = dict(value.split(": ") for name, value in pairwise(words) if name == "-H")
        body = words[words.index("-d") + 1] if "-d" in words else None
        method = "POST" if body is not None or "-X" in words else "GET"
        answer = wait_for(lambda: self._request(method, words[-1], headers, body), what="an answer", every=0.1)
        assert answer is not None
        return answer

    def rows(self, file: str, statement: str) -> list[tuple[Any, ...]]:
        """Run a statement on a SQLite file of the directory, and return its rows."""
        with contextlib.closing(sqlite3.connect(self._directory / file)) as conn, conn:
            return conn.execute(statement).fetchall()

    def stop(self) -> None:
        """Stop the servers in order, the last one first, and check that each ends as it should."""
        ends = [self._end(server) for server in reversed(self.servers)]
        log = self.log.read_text() if self.log.exists() else ""
        assert set(ends) <= CLEAN_ENDS, log
        assert "Traceback" not in log, log

    def kill(self) -> None:
        """End what still runs, after a failure."""
        self._client.close()
        for server in self.servers:
            if server.poll() is None:
                os.killpg(server.pid, signal.SIGKILL)
                server.wait()

    def _start(self, command: list[str], log: IO[bytes]) -> ForkedProcess:
        return start_program(command, directory=self._directory, environment=self._environment, stdout=log, stderr=log)

    def _request(self, method: str, url: str, headers: dict[str, str], body: str | None) -> httpx.Response | None:
        if any(server.poll() is not None for server in self.servers):
            raise ChildProcessError(self.log.read_text())
        try:
            return self._client.request(method, url, headers=headers, content=body)
        except httpx.ConnectError:
            return None

    @staticmethod
    def _end(server: ForkedProcess) -> int:
        server.send_signal(signal.SIGTERM)
        return server.wait(timeout=60)
