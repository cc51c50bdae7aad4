"""The examples are distributions of their own: each installs beside wabroadcast and passes its contract suite, and a
broadcast goes through all of them, whatever the misbehaving one does."""

import contextlib
import hmac
import json
import shutil
import signal
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.forked import ForkedProcess
from tests.plugin_environments import PluginEnvironment
from tests.ports import free_port
from tests.waiting import wait_for
from wabroadcast_core.testing import FakeProvider, ProviderAnswer, ProviderRequest

EXAMPLES = sorted(path.parent for path in (Path(__file__).parent / "examples").glob("*/pyproject.toml"))
SWITCHES = {"MOBILE_ONLY_COUNTRIES": "ID", "CRM_STOPS_DATABASE": "sqlite:///crm.db"}
QUICK = {"WABROADCAST_PLUGIN_SECONDS": "0.5", "WABROADCAST_STOP_SECONDS": "5"}
SECRET = "hook-secret"
MOBILE, UNREACHED, LANDLINE, STOPPED = "+6281200001001", "+6281200001002", "+622150847000", "+6281200001003"
PEOPLE = [{"phone": number, "name": "Budi", "code": "A1"} for number in (MOBILE, LANDLINE, STOPPED)]

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> PluginEnvironment:
    """An environment with all examples."""
    made = PluginEnvironment(tmp_path_factory.mktemp("environment"))
    made.unpack(*EXAMPLES)
    return made


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
def test_an_example_passes(environment: PluginEnvironment, example: Path, tmp_path: Path) -> None:
    shutil.copytree(example, tmp_path / example.name)  # away from the configuration of these tests

    done = environment.run_tests(tmp_path / example.name)

    assert done.returncode == 0, done.stdout + done.stderr


def test_the_examples_are_loaded_from_their_distributions(environment: PluginEnvironment, tmp_path: Path) -> None:
    listed = environment.run("host_litestar", "plugins", cwd=tmp_path, variables=SWITCHES).stdout

    assert len(EXAMPLES) == 5
    for example in EXAMPLES:
        assert f"{example.name}\tactive\t{example.name}\twabroadcast-{example.name.replace('_', '-')} 0.1.0" in listed
    for name in ("misbehaving_exit", "misbehaving_kind"):
        assert f"{name}\tquarantined\t" in listed


def take_message(request: ProviderRequest) -> ProviderAnswer:
    return ProviderAnswer(200, {"id": f"gw-{request.json['to']}"})


@pytest.fixture
def provider() -> Iterator[FakeProvider]:
    with FakeProvider(take_message) as provider:
        yield provider


@pytest.fixture
def api(environment: PluginEnvironment, tmp_path: Path) -> Iterator[httpx.Client]:
    """A client of a server with all examples."""
    with contextlib.closing(sqlite3.connect(tmp_path / "crm.db")) as crm, crm:
        crm.execute("CREATE TABLE stops (number TEXT PRIMARY KEY)")
        crm.execute("INSERT INTO stops VALUES (?)", (STOPPED,))
    url = f"http://127.0.0.1:{(port := free_port())}"
    with (
        (tmp_path / "log").open("w") as log,
        httpx.Client(base_url=url, timeout=30) as client,
    ):
        server = environment.serve("--port", str(port), cwd=tmp_path, variables=SWITCHES | QUICK, log=log)
        try:
            wait_for(lambda: is_ready(client, server), what="the server's start", seconds=60)
            yield client
        finally:
            server.send_signal(signal.SIGTERM)
            assert server.wait(timeout=60) == 0, (tmp_path / "log").read_text()


def is_ready(client: httpx.Client, server: ForkedProcess) -> bool:
    assert server.poll() is None
    with contextlib.suppress(httpx.TransportError):
        return client.get("/health/ready").is_success
    return False


def call(api: httpx.Client, method: str, path: str, **content: Any) -> dict[str, Any]:
    answer = api.request(method, path, **content)
    assert answer.is_success, answer.text
    found: dict[str, Any] = answer.json()
    return found


def submit(api: httpx.Client, **fields: Any) -> str:
    body = {"name": "Promo", "message": {"type": "text", "text": "Halo {{ name }}"}, **fields}
    return str(call(api, "POST", "/broadcast", json=body)["jobId"])


def counts_of(api: httpx.Client, job_id: str) -> dict[str, int]:
    """Return the counts that are not 0, once the broadcast has ended."""
    status = wait_for(lambda: _ended(api, job_id), what="the end", seconds=60)
    return {name: count for name, count in status["counts"].items() if count}


def _ended(api: httpx.Client, job_id: str) -> dict[str, Any]:
    """Return the status of a broadcast that has ended; empty while it has not."""
    status = call(api, "GET", f"/broadcast/{job_id}/status")
    return status if status["status"] == "completed" else {}


def test_a_broadcast_goes_through_the_examples_beside_one_that_misbehaves(
    api: httpx.Client, provider: FakeProvider
) -> None:
    settings = {"baseUrl": provider.url, "token": "t", "webhookSecret": SECRET}
    call(api, "PUT", "/connections/main", json={"sender": "plain-gateway", "settings": settings})
    call(api, "PUT", "/connections/bad", json={"sender": "misbehaving", "settings": {}})
    file = "".join(f"{json.dumps(person)}\n" for person in PEOPLE).encode()
    upload_id = call(api, "POST", "/uploads", files={"file": ("people.jsonl", file)})["uploadId"]
    source = {"type": "json-lines", "uploadId": upload_id, "numberField": "phone"}

    bad = submit(api, connection="bad", recipients=[{"number": UNREACHED, "name": "Siti"}])
    good = submit(api, connection="main", source=source)

    assert counts_of(api, good) == {"sent": 1, "skipped": 2}
    assert counts_of(api, bad) == {"failed": 1}
    assert [request.json for request in provider.requests] == [{"to": MOBILE, "text": "Halo Budi"}]

    body = json.dumps({"events": [{"type": "delivered", "id": f"gw-{MOBILE}", "at": 1_758_000_000}]}).encode()
    signature = hmac.digest(SECRET.encode(), body, "sha256").hex()
    assert api.post("/webhooks/main", content=body, headers={"X-Signature": "00"}).status_code == 403
    assert api.post("/webhooks/main", content=body, headers={"X-Signature": signature}).is_success
    wait_for(lambda: counts_of(api, good).get("delivered") == 1, what="the receipt")
