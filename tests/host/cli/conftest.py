"""A command in the process of the test, against the server of the module."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import pytest

from host_litestar.cli import run


@dataclass
class Done:
    returncode: int
    stdout: str
    stderr: str


Command: TypeAlias = Callable[..., Done]


@pytest.fixture
def in_process(server: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    """A function that runs a command in this process, because starting a process takes most of a command's time."""
    monkeypatch.setenv("WABROADCAST_URL", server.url)
    monkeypatch.delenv("WABROADCAST_API_KEY", raising=False)

    def call(*arguments: str) -> Done:
        code = run(arguments)
        output = capsys.readouterr()
        return Done(code, output.out, output.err)

    return call
