"""The README is correct: its commands and programs run, and its tables match the code."""

import importlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import get_type_hints

import httpx
import pytest
from litestar import Litestar
from litestar.testing import TestClient

from host_litestar.settings_table import settings_table
from tests.core.callbacks.harness import CallbackHarness, settings_for
from tests.core.store.harness import StoreHarness
from tests.forked_programs import run_program
from tests.host.programs import Served
from tests.ports import free_port
from tests.receivers import SECRET
from tests.waiting import wait_for
from wabroadcast_core import Broadcaster
from wabroadcast_core.store.callbacks import send_again
from wabroadcast_core.store.database import open_database
from wabroadcast_plugins.senders.sandbox import TEST_NUMBERS

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^(<!-- [^\n]* -->\n)?```(\w+)\n(.*?)^```$", README, flags=re.MULTILINE | re.DOTALL)
RUN, TEST = (code.strip() for _, language, code in BLOCKS[:2])
SERVER_BLOCKS = [code for note, language, code in BLOCKS if "needs a server" in note]
PROGRAMS = [code for _, language, code in BLOCKS if language == "python"]


def clean_environment(**variables: str) -> dict[str, str]:
    """Return the environment of a new terminal that has the installed commands on its path."""
    inherited = {name: text for name, text in os.environ.items() if not name.startswith("WABROADCAST_")}
    path = f"{Path(sys.executable).parent}{os.pathsep}{inherited['PATH']}"
    return inherited | {"PATH": path, "PYTHONUNBUFFERED": "1"} | variables


def run_new(words: list[str], *, directory: Path, environment: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    """Run a program in a new interpreter, where an import that only the other tests make would be missing."""
    return subprocess.run(
        [sys.executable, *words[1:]],
        cwd=directory,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, int]]:
    """A server as the first command of the README starts it, on a free port."""
    directory = tmp_path_factory.mktemp("readme")
    server = Served(directory, "--port", "0")
    yield directory, httpx.URL(server.url).port or 0
    assert server.stop(signal.SIGINT) == 0


def test_the_top_of_the_page_has_two_commands_of_one_line() -> None:
    top = README.partition("\n## ")[0]

    assert top.count("```sh") == 2
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
    assert any(text in done.stdout for text in ("2 of 2 sent", '"jobId"', '"state":"active"'))
    assert "about:blank" not in done.stdout  # the type of all refusals


@pytest.mark.slow
@pytest.mark.parametrize(
    ("run", "program", "output"),
    [
        pytest.param(run_new, PROGRAMS[0], "1 sent\n", id="send"),
        pytest.param(run_program, PROGRAMS[1], "2 contacts imported, 0 rows rejected\n", id="namespaces"),
    ],
)
def test_the_embedded_programs_work(
    tmp_path: Path, run: "Callable[..., subprocess.CompletedProcess[str]]", program: str, output: str
) -> None:
    (tmp_path / "contacts.csv").write_text("Nama;No. HP\nBudi;0812-0000-1001\nSiti;0812-0000-1002\n", encoding="utf-8")
    strict = f"import warnings; warnings.simplefilter('error')\n{program}"

    done = run(["python", "-c", strict], directory=tmp_path, environment=clean_environment())

    assert (done.returncode, done.stdout) == (0, output), done.stderr


def test_the_table_of_the_broadcaster_lists_its_methods() -> None:
    table = README.partition("<!-- namespaces -->\n")[2].partition("\n<!-- /namespaces -->")[0]
    rows = [[re.findall(r"`(\w+)`", cell) for cell in row.split("|")[1:3]] for row in table.splitlines()[2:]]
    classes = get_type_hints(Broadcaster)

    listed = {name: set(methods) for names, methods in rows for name in names or ["itself"]}
    namespaces = {"itself": Broadcaster, **{name: classes[name] for name in listed if name != "itself"}}

    assert len(listed) == 16
    assert listed == {name: methods_of(namespace) - NOT_LISTED for name, namespace in namespaces.items()}


NOT_LISTED = {"start", "close", "ensure_first", "has_due_work"}  # used by the host, or by a `with` block


def methods_of(namespace: type) -> set[str]:
    return {name for name in dir(namespace) if not name.startswith("_") and callable(getattr(namespace, name))}


def test_the_mounted_application_serves_both(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "readme_shop.py").write_text(PROGRAMS[2], encoding="utf-8")
    app: Litestar = importlib.import_module("readme_shop").app

    with TestClient(app) as client:
        assert client.get("/").text == "the shop"
        assert client.get("/messages/health/ready").json()["status"] == "ok"
        assert client.get("/messages/broadcast/jobs").json()["items"] == []


def test_the_receiver_of_callbacks_takes_each_event_once_and_no_forged_one(tmp_path: Path, sqlite_store: Path) -> None:
    port = free_port()
    environment = clean_environment(WABROADCAST_CALLBACK_SECRET=SECRET, PORT=str(port))
    database = open_database(None, sqlite_path=shutil.copyfile(sqlite_store, tmp_path / "callbacks.db"))
    store = StoreHarness(database, now=time.time())
    store.clear()
    url = f"http://127.0.0.1:{port}/"
    with (
        (tmp_path / "output").open("w") as output,
        subprocess.Popen(
            [sys.executable, "-c", PROGRAMS[3]], env=environment, stdout=output, stderr=output
        ) as receiver,
    ):
        wait_for(lambda: _is_open(port), what="the start of the receiver")
        callbacks = CallbackHarness(store, settings_for(None, callback_url=url))
        key = callbacks.add_broadcast(2)
        callbacks.send(key, 2)
        callbacks.deliver()
        with database.write() as conn:
            send_again(conn, callbacks.events()[0], now=store.now)
        callbacks.deliver()
        forged = httpx.post(url, content=b"{}", headers={"webhook-id": "evt", "webhook-timestamp": "1"})
        receiver.terminate()
        tries = [event["tries"] for event in callbacks.events()]
    database.close()

    assert forged.status_code == 401
    assert tries == [2, 1]
    printed = [line for line in (tmp_path / "output").read_text().splitlines() if line.startswith("job0")]
    assert printed == ["job0-0 sent", "job0-1 sent", "job0 completed"]


def _is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_the_table_of_settings_is_current() -> None:
    shown = README.partition("<!-- settings -->\n")[2].partition("\n<!-- /settings -->")[0]

    assert shown == settings_table(), "replace the table by the output of python -m host_litestar.settings_table"


def test_the_table_of_test_numbers_is_that_of_the_sandbox() -> None:
    rows = re.findall(r"^\| `\+1 867 555 (\d{4})` \| (.*) \|$", README, flags=re.MULTILINE)

    assert dict(rows) == TEST_NUMBERS


def test_the_page_says_what_it_is_before_how_it_is_run_and_tested() -> None:
    first, run, test = (README.index(text) for text in ("A broadcast engine", RUN, TEST))

    assert first < run < test
    assert RUN.startswith("echo ")
    assert "-q" not in RUN.rpartition("pip install")[2]


def test_every_command_is_in_the_readme() -> None:
    from host_litestar.cli import COMMANDS

    table = README.partition("## Commands\n")[2].partition("\n\n`JOB`")[0]
    first_cells = re.findall(r"^\| (`.*?) \|", table, flags=re.MULTILINE)
    assert set(re.findall(r"`(\w+)", " ".join(first_cells))) == COMMANDS.keys()
