"""The guide to plugins is correct: its commands and its code run, and its tables match the code."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.plugin_environments import PluginEnvironment
from wabroadcast_core import Hooks, errors

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
    command = [sys.executable, "-m", "pytest", "-q", "-W", "error", "-c", "/dev/null", "--rootdir", ".", "tests"]

    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=110, check=False)

    assert len(files) == 8
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
                done = environment.run(*command, cwd=folder)
                assert done.returncode == 0, done.stdout + done.stderr
                outputs.append(done.stdout)

    assert len(outputs) == 4
    assert "acme_gateway\tactive\tacme_gateway\twabroadcast-acme-gateway 0.1.0" in outputs[-1]


def test_the_table_of_hooks_is_that_of_the_code() -> None:
    table = GUIDE.partition("<!-- hooks -->\n")[2].partition("<!-- /hooks -->")[0]

    assert re.findall(r"^\| `(\w+)`", table, flags=re.MULTILINE) == [name for name in vars(Hooks) if "wab_" in name]


def test_the_table_of_errors_has_each_end_of_a_send() -> None:
    named = re.findall(r"^\| `([A-Z]\w+)`", GUIDE, flags=re.MULTILINE)
    ends = {
        name for name, each in vars(errors).items() if isinstance(each, type) and issubclass(each, errors.SendError)
    }

    assert set(named) == {name for name in ends if not name.startswith("_")} - {"SendError"}
