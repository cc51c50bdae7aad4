"""A command starts fast: it imports only what it needs."""

import json
import os
import subprocess
import sys

import pytest

HEAVY = ["alembic", "huey", "jinja2", "litestar", "openpyxl", "phonenumbers", "pydantic", "redis", "sqlalchemy"]
PROGRAM = f"""
import contextlib, json, sys
from host_litestar.cli import run
with contextlib.redirect_stdout(sys.stderr):
    run(sys.argv[1:])
print(json.dumps(sorted(set({HEAVY}) & sys.modules.keys())))
"""


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["jobs"], ["status", "last"], ["connections"], ["import", "--help"], ["send", "--help"], ["tags"]],
    ids=" ".join,
)
def test_a_light_command_imports_no_heavy_module(arguments: list[str]) -> None:
    environment = os.environ | {"WABROADCAST_URL": "http://127.0.0.1:1"}

    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments], env=environment, capture_output=True, text=True, check=True
    )

    assert json.loads(done.stdout) == []
    assert "wabroadcast" in done.stderr
