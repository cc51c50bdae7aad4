"""The guide to plugins is correct: its commands and its code run, and its tables match the code."""

import dataclasses
import os
import re
import shlex
from pathlib import Path

import httpx
import pytest

from tests.forked_programs import run_program
from tests.plugin_environments import ONLY_PYTEST, PluginEnvironment
from wabroadcast_core import Capabilities, Hooks, Reply, error_of, errors, read_json, testing
from wabroadcast_core.models.base import MESSAGE_TYPES
from wabroadcast_core.testing.http_contract import HttpSenderContract

ROOT = Path(__file__).parent.parent
GUIDE = (ROOT / "wabroadcast_plugins" / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", GUIDE, flags=re.MULTILINE | re.DOTALL)


def test_the_modules_of_the_guide_pass_their_tests(tmp_path: Path) -> None:
    files = dict(
        re.findall(r"# (\S+\.py)\n(.*)", code, re.DOTALL)[0] for language, code in BLOCKS if language == "python"
    )
    for path, code in files.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(code, encoding="utf-8")
    command = ["python", "-m", "pytest", "-q", "-W", "error", "-c", "/dev/null", "--rootdir", ".", "tests"]

    done = run_program(command, directory=tmp_path, environment=os.environ | ONLY_PYTEST)

    assert len(files) == 10
    assert done.returncode == 0, done.stdout + done.stderr
    assert "skipped" not in done.stdout


@pytest.mark.slow
def test_the_commands_of_the_guide_work(tmp_path: Path) -> None:
    environment = PluginEnvironment(tmp_path / "environment")
    folder, outputs = tmp_path, []
    (script,) = (code for language, code in BLOCKS if language == "sh")
    for line in script.splitlines():
        program, *arguments = shlex.split(line)
        match program:
            case "cd":
                folder /= arguments[0]
            case "pip":
                environment.install(folder)
            case _:
                command = arguments[1:] if program == "python" else ["host_litestar", *arguments]
                run = environment.run if command == ["host_litestar", "plugins"] else environment.fork
                done = run(*command, cwd=folder)
                assert done.returncode == 0, done.stdout + done.stderr
                outputs.append(done.stdout)

    assert len(outputs) == 4
    assert "acme_gateway\tactive\tacme_gateway\twabroadcast-acme-gateway 0.1.0" in outputs[-1]


def table_of(name: str) -> str:
    """Return a table of the guide."""
    return GUIDE.partition(f"<!-- {name} -->\n")[2].partition(f"<!-- /{name} -->")[0]


def named_in(name: str) -> list[str]:
    """Return the names in the first column of a table of the guide, without those of its head."""
    cells = [row.split("|")[1] for row in table_of(name).splitlines()[2:]]
    return [found for cell in cells for found in re.findall(r"`(\w+)`", cell)]


def test_the_table_of_hooks_is_that_of_the_code() -> None:
    assert named_in("hooks") == [name for name in vars(Hooks) if "wab_" in name]


def test_the_table_of_errors_has_each_end_of_a_send() -> None:
    ends = {
        name for name, each in vars(errors).items() if isinstance(each, type) and issubclass(each, errors.SendError)
    }

    assert set(named_in("errors")) == {name for name in ends if not name.startswith("_")} - {"SendError"}


def test_the_table_of_capabilities_has_each_field() -> None:
    assert set(named_in("capabilities")) == {field.name for field in dataclasses.fields(Capabilities)}


def test_the_table_of_contents_has_each_type() -> None:
    assert set(named_in("content")) == MESSAGE_TYPES


def test_the_table_of_statuses_is_what_error_of_returns() -> None:
    rows = re.findall(r"^\| (\d.*?) \| `(\w+)`", table_of("statuses"), flags=re.MULTILINE)

    assert {expected for _, expected in rows} >= {"Rejected", "Temporary", "OutcomeUnknown"}
    for statuses, expected in rows:
        body = b"<html>" if "without JSON" in statuses else b"{}"
        for status in map(int, re.findall(r"\b\d{3}\b", statuses)):
            assert type(error_of(Reply(status, httpx.Headers(), body, read_json(body)))).__name__ == expected, status


def test_the_table_of_contracts_names_what_the_suites_have() -> None:
    table = table_of("contracts")
    suites = [getattr(testing, name) for name in re.findall(r"`(\w+Contract)`", table) if hasattr(testing, name)]
    names = [name for row in table.splitlines()[2:] for name in re.findall(r"`(\w+)(?:\(\w*\))?`", row.split("|")[2])]

    members = {member for suite in [*suites, HttpSenderContract] for base in suite.__mro__ for member in vars(base)}
    members |= {name for suite in [*suites, HttpSenderContract] for base in suite.__mro__ for name in _annotated(base)}
    assert len(names) > 20
    assert [name for name in names if name not in members] == []


def _annotated(base: type) -> list[str]:
    return list(vars(base).get("__annotations__", {}))
