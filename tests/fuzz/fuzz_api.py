"""Generated calls of every operation of the OpenAPI document, against a real server: no answer is a 5xx.

`nox -s fuzz` runs it; schemathesis is not among the packages of the other tests.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.host.programs import Served

KEY = "a-long-key-for-fuzzing"
EXAMPLES = os.environ.get("WABROADCAST_TEST_FUZZ", "20")  # of each operation

ENDLESS = ("StreamBroadcast", "StreamRunning")  # a call would wait for the end of the response


@pytest.fixture(params=["open", "keyed"])
def served(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Served]:
    keys = {"WABROADCAST_API_KEYS": KEY} if request.param == "keyed" else {}
    server = Served(tmp_path, "--port", "0", "--workers", "0", environment=keys)
    yield server
    server.stop()


@pytest.mark.parametrize("header", [[], ["--header", f"Authorization: Bearer {KEY}"]], ids=["no-key", "key"])
def test_no_generated_call_is_answered_with_a_5xx(served: Served, header: list[str]) -> None:
    schema = served.directory / "openapi.json"
    schema.write_text(_schema_of(served))
    command = [sys.executable, "-m", "schemathesis.cli", "run", str(schema), "--url", served.url]
    options = ["--checks", "not_a_server_error", "--max-examples", EXAMPLES, "--mode", "all", "--seed", "1"]
    options += [f"--exclude-operation-id={operation}" for operation in ENDLESS]

    finished = subprocess.run(
        [*command, *options, *header],
        cwd=served.directory,  # it keeps what it found there
        capture_output=True,
        text=True,
        check=False,
    )

    assert finished.returncode == 0, finished.stdout[-8_000:] + finished.stderr[-2_000:]


def _schema_of(served: Served) -> str:
    headers = {"Authorization": f"Bearer {KEY}"}
    return httpx.get(f"{served.url}/schema/openapi.json", headers=headers, timeout=30).raise_for_status().text
