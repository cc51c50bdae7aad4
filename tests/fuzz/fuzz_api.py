"""Generated calls of every operation of the OpenAPI document, against a real server: no answer is a 5xx.

`nox -s fuzz` runs it, in CI the short profile: one call of each operation, of a server with keys.
``WABROADCAST_TEST_FUZZ`` sets how many, on a server without keys too. schemathesis is not among the packages of the
other tests.
"""

import os
import subprocess
import sys
from collections.abc import Iterator

import httpx
import pytest

from tests.host.programs import Served

KEY = "a-long-key-for-fuzzing"
LONG = os.environ.get("WABROADCAST_TEST_FUZZ")
EXAMPLES = LONG or "1"  # of each operation
PHASES = "examples,coverage,fuzzing" if LONG else "fuzzing"

LEFT_OUT = {
    "keyed": ("StreamBroadcast", "StreamRunning"),  # a call would wait for the end of the response
    "open": ("StreamBroadcast", "StreamRunning", "CreateKey"),  # from the first key on, all calls need one
}


@pytest.fixture(params=LEFT_OUT if LONG else ["keyed"], scope="module")
def served(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    keys = {"WABROADCAST_API_KEYS": KEY} if request.param == "keyed" else {}
    server = Served(tmp_path_factory.mktemp(request.param), "--port", "0", "--workers", "0", environment=keys)
    yield server
    server.stop()


@pytest.mark.parametrize("header", [[], ["--header", f"Authorization: Bearer {KEY}"]], ids=["no-key", "key"])
def test_no_generated_call_is_answered_with_a_5xx(
    served: Served, header: list[str], request: pytest.FixtureRequest
) -> None:
    schema = served.directory / "openapi.json"
    schema.write_text(_schema_of(served))
    command = [sys.executable, "-m", "schemathesis.cli", "run", str(schema), "--url", served.url]
    options = ["--checks", "not_a_server_error", "--max-examples", EXAMPLES, "--mode", "all", "--seed", "1"]
    kind = request.node.callspec.params["served"]
    options += ["--phases", PHASES, *(f"--exclude-operation-id={operation}" for operation in LEFT_OUT[kind])]

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
