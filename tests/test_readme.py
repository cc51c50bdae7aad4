"""The README is true: its commands and programs run, its table is what the settings say."""

import importlib
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from litestar import Litestar
from litestar.testing import TestClient

from host_litestar.settings_table import settings_table

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^(<!-- [^\n]* -->\n)?```(\w+)\n(.*?)^```$", README, flags=re.MULTILINE | re.DOTALL)
RUN, TEST = (code.strip() for _, language, code in BLOCKS[:2])
SERVER_BLOCKS = [code for note, language, code in BLOCKS if "needs a server" in note]
PROGRAMS = [code for _, language, code in BLOCKS if language == "python"]


def clean_environment(**variables: str) -> dict[str, str]:
    """As a fresh terminal has it, with the installed commands on the path."""
    inherited = {name: text for name, text in os.environ.items() if not name.startswith("WABROADCAST_")}
    path = f"{Path(sys.executable).parent}{os.pathsep}{inherited['PATH']}"
    return inherited | {"PATH": path, "PYTHONUNBUFFERED": "1"} | variables


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as door:
        return int(door.getsockname()[1])


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, int]]:
    """The first command of the README, from where it has installed everything, on a port that is free."""
    directory = tmp_path_factory.mktemp("readme")
    port = free_port()
    serve = shlex.split(RUN.rpartition("&&")[2].replace(".venv/bin/", ""))
    environment = clean_environment(WABROADCAST_PORT=str(port))
    with (
        (directory / "out").open("w") as out,
        subprocess.Popen(serve, cwd=directory, env=environment, stdout=out, stderr=out) as process,
    ):
        deadline = time.monotonic() + 60
        while "--message" not in (directory / "out").read_text() and time.monotonic() < deadline:
            time.sleep(0.05)
        yield directory, port
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=60) == 0


def test_the_first_screen_holds_two_commands_of_one_line() -> None:
    first_screen = README.partition("\n## ")[0]

    assert first_screen.count("```sh") == 2
    assert [code.count("\n") for _, _, code in BLOCKS[:2]] == [1, 1]
    assert RUN.endswith("/wabroadcast serve")
    assert TEST.endswith("/nox")
    assert "python3 -m venv" in RUN
    assert "python3 -m venv" in TEST


def test_ci_runs_the_test_command_of_the_readme() -> None:
    found = subprocess.run(
        ["grep", "-m1", "-E", "/nox$", "README.md"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.strip()

    assert found == TEST
    assert "grep -m1 -E '/nox$' README.md" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


@pytest.mark.parametrize("block", SERVER_BLOCKS, ids=[block.split()[0] for block in SERVER_BLOCKS])
def test_the_shell_blocks_work_against_a_server(served: tuple[Path, int], block: str) -> None:
    directory, port = served
    if "curl" in block and shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    script = block.replace(".venv/bin/", "").replace(":3004", f":{port}")
    environment = clean_environment(WABROADCAST_URL=f"http://127.0.0.1:{port}")

    done = subprocess.run(
        ["bash", "-euc", script],
        cwd=directory,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert any(sign in done.stdout for sign in ("2 of 2 sent", '"jobId"', '"state":"active"'))
    assert "problem" not in done.stdout


def test_the_embedded_program_sends(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", PROGRAMS[0]],
        cwd=tmp_path,
        env=clean_environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert (done.returncode, done.stdout) == (0, "1 sent\n"), done.stderr


def test_the_mounted_application_serves_both(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "readme_shop.py").write_text(PROGRAMS[1], encoding="utf-8")
    app: Litestar = importlib.import_module("readme_shop").app

    with TestClient(app) as client:
        assert client.get("/").text == "the shop"
        assert client.get("/messages/health/ready").json()["status"] == "ok"
        assert client.get("/messages/broadcast/jobs").json()["items"] == []


def test_the_table_of_settings_is_what_the_settings_say() -> None:
    shown = README.partition("<!-- settings -->\n")[2].partition("\n<!-- /settings -->")[0]

    assert shown == settings_table(), "python -m host_litestar.settings_table prints the table anew"


def test_every_command_is_in_the_readme() -> None:
    from host_litestar.cli import cli

    assert {name for name in cli.commands if f"`{name}" not in README} == set()
