"""The API while Redis does not answer: what is stored first is answered soon, and no caller waits for Redis in vain."""

import contextlib
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from httpx import Response
from litestar.testing import TestClient

from host_litestar.app import create_app
from tests.host.installations import HERE, Api, draft
from tests.waiting import wait_for
from wabroadcast_core import Settings
from wabroadcast_core.queue.embedded import EmbeddedValkey

pytestmark = [pytest.mark.slow, pytest.mark.timed]

SECONDS = 2  # in which each call is answered
NUMBER = "+628123456789"


@contextlib.contextmanager
def frozen(server: EmbeddedValkey) -> Iterator[None]:
    """Stop the server's process with SIGSTOP: its socket accepts calls, and no answer comes."""
    with redis.Redis.from_url(server.url) as client:
        pid = client.info("server")["process_id"]
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def _submit(api: Api) -> str:
    answer = api.post("/broadcast", json=draft(recipients=[{"number": NUMBER, "name": "Budi"}]))
    assert answer.status_code == 202, answer.text
    return str(answer.json()["jobId"])


def _timed(call: Callable[[], Response]) -> Response:
    began = time.monotonic()
    answer = call()
    assert time.monotonic() - began < SECONDS
    return answer


CALLS: list[Any] = [
    pytest.param("post", "/broadcast", draft(recipients=[{"number": NUMBER, "name": "Budi"}]), 202, id="submit"),
    pytest.param("post", "/broadcast/pause/{job}", None, 200, id="pause"),
    pytest.param("post", "/broadcast/cancel/{job}", None, 200, id="cancel"),
    pytest.param("get", "/broadcast/{job}/status", None, 200, id="status"),
    pytest.param("post", "/blacklist", {"number": NUMBER}, 201, id="blacklist"),
    pytest.param("put", "/connections/other", {"sender": "sandbox", "settings": {}}, 200, id="save-connection"),
    pytest.param("post", "/connections/sandbox/pause", None, 200, id="pause-connection"),
    pytest.param("post", "/connections/sandbox/test", None, 200, id="test-connection"),
    pytest.param("get", "/connections", None, 200, id="list-connections"),
    pytest.param("get", "/connections/sandbox", None, 200, id="get-connection"),
    pytest.param("get", "/health/ready", None, 503, id="ready"),
    pytest.param("get", "/health/live", None, 200, id="live"),
]


@pytest.mark.parametrize(("method", "path", "body", "status"), CALLS)
def test_a_call_is_answered_within_two_seconds(
    alone_api: Api, own_valkey: EmbeddedValkey, method: str, path: str, body: Any, status: int
) -> None:
    place = path.format(job=_submit(alone_api))

    with frozen(own_valkey):
        answer = _timed(lambda: alone_api.request(method, place, json=body))

    assert answer.status_code == status, answer.text


def test_twenty_calls_in_a_row_share_one_time_out(alone_api: Api, own_valkey: EmbeddedValkey) -> None:
    job = _submit(alone_api)

    with frozen(own_valkey):
        began = time.monotonic()
        answers = [alone_api.post(f"/broadcast/{act}/{job}") for act in ("pause", "resume") * 10]
        seconds = time.monotonic() - began

    assert {answer.status_code for answer in answers} == {200}
    assert seconds < SECONDS


def test_redis_is_used_again_soon_after_it_answers(alone_api: Api, own_valkey: EmbeddedValkey) -> None:
    with frozen(own_valkey):
        assert alone_api.get("/health/ready").status_code == 503

    wait_for(lambda: alone_api.get("/health/ready").is_success, seconds=2, what="the use of Redis")


def test_a_server_that_only_accepts_connections_delays_nothing(tmp_path: Path, sqlite_store: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"redis://127.0.0.1:{silent.getsockname()[1]}"
        settings = Settings(data_dir=tmp_path, redis_url=url)
        began = time.monotonic()
        with TestClient(create_app(settings), base_url=HERE) as client:
            _timed(lambda: client.post("/broadcast", json=draft(recipients=[{"number": NUMBER, "name": "Budi"}])))
        seconds = time.monotonic() - began

    assert seconds < 4 * SECONDS
