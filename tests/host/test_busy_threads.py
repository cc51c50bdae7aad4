"""Control calls and probes while every other thread of the web process is busy."""

import contextlib
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, ClassVar

import httpx
import pytest
from litestar.testing import TestClient
from pydantic import BaseModel

from host_litestar.app import create_app
from host_litestar.threads import FILES, PREVIEWS, TESTS
from tests.host.installations import HERE, Api, draft, install
from tests.host.test_frozen_redis import frozen
from tests.waiting import wait_for
from wabroadcast_core import Settings
from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.hookspecs import Sender, SenderContext, hookimpl
from wabroadcast_core.models.base import Model
from wabroadcast_core.models.capabilities import Capabilities
from wabroadcast_core.models.message import Accepted, OutgoingMessage
from wabroadcast_core.models.receipt import ConnectionEvent
from wabroadcast_core.queue.embedded import EmbeddedValkey

pytestmark = [pytest.mark.slow, pytest.mark.timed]

SECONDS = 2  # in which a control call is answered
CALLERS = 48  # more than any event loop's usual threads


class _Held:
    """Holds all threads that enter it, from when the test says so until the test ends."""

    def __init__(self) -> None:
        self.begins = threading.Event()
        self.ends = threading.Event()
        self.inside = 0

    def enter(self) -> None:
        if not self.begins.is_set():  # the check of the plugin, when it is loaded
            return
        self.inside += 1
        self.ends.wait(60)


class HoldingPlugin:
    """A sender whose schema and whose connection test take as long as the test of the suite says."""

    def __init__(self) -> None:
        held = self.held = _Held()

        class SlowSettings(Model):
            @classmethod
            def model_json_schema(cls, **options: Any) -> dict[str, Any]:  # type: ignore[override]  # calls name all
                held.enter()
                return super().model_json_schema(**options)

        class SlowSender:
            kind: ClassVar[str] = "slow"
            Settings: ClassVar[type[BaseModel]] = SlowSettings
            capabilities: ClassVar[Capabilities] = Capabilities()

            def __init__(self, settings: Any, context: SenderContext) -> None: ...

            async def send(self, message: OutgoingMessage) -> Accepted:
                return Accepted(message.message_id)

            async def check_connection(self) -> ConnectionEvent:
                held.enter()
                return ConnectionEvent("up")

        self._sender = SlowSender

    @hookimpl
    def wab_senders(self) -> Sequence[type[Sender]]:
        return [self._sender]


@contextlib.contextmanager
def _busy(api: Api, held: _Held) -> Iterator[None]:
    """Keep all threads of the other routes busy with calls of ordinary clients."""
    api.put("/connections/slow", json={"sender": "slow", "settings": {}}).raise_for_status()
    held.begins.set()
    with ThreadPoolExecutor(2 * CALLERS) as callers:
        for _ in range(CALLERS):
            callers.submit(api.get, "/connections/kinds")
        for _ in range(TESTS.threads):
            callers.submit(api.post, "/connections/slow/test")
        try:
            _wait_until_still(held)
            yield
        finally:
            held.ends.set()


def _wait_until_still(held: _Held) -> None:
    """Wait until no more calls come to be held: all threads are taken."""
    wait_for(lambda: held.inside > TESTS.threads, what="the first held calls")
    before = -1
    while before != held.inside:
        before = held.inside
        time.sleep(0.5)


def _timed(call: Any, *arguments: Any, **options: Any) -> httpx.Response:
    began = time.monotonic()
    answer: httpx.Response = call(*arguments, **options)
    assert time.monotonic() - began < SECONDS
    return answer


@pytest.fixture
def plugin() -> HoldingPlugin:
    return HoldingPlugin()


def _submit(api: Api, recipients: int) -> str:
    people = [{"number": f"0812{number:08}", "name": "Budi"} for number in range(10_000, 10_000 + recipients)]
    answer = api.post("/broadcast", json=draft(recipients=people, connection="sandbox"))
    assert answer.status_code == 202, answer.text
    return str(answer.json()["jobId"])


def _sent(api: Api, job: str) -> int:
    counts = api.get(f"/broadcast/{job}/status").json()["counts"]
    return int(counts.get("sent", 0)) + int(counts.get("failed", 0)) + int(counts.get("processing", 0))


def test_a_pause_stops_the_sending_while_all_other_threads_are_busy(
    host_settings: Settings, plugin: HoldingPlugin
) -> None:
    broadcaster = Broadcaster(host_settings, plugins=[plugin])
    with TestClient(create_app(broadcaster, work=True), base_url=HERE) as api:
        slow_rate = {"sender": "sandbox", "settings": {}, "rate": {"messages": 20, "perSeconds": 1}}
        api.put("/connections/sandbox", json=slow_rate).raise_for_status()
        job = _submit(api, 1_000)
        with _busy(api, plugin.held):
            wait_for(lambda: _sent(api, job) > 0, what="the first messages")

            paused = _timed(api.post, f"/broadcast/pause/{job}")

            wait_for(lambda: api.get(f"/broadcast/{job}/status").json()["counts"].get("processing", 0) == 0)
            sent = _sent(api, job)
            time.sleep(1.5)
            assert _sent(api, job) == sent
            assert paused.json()["status"] == "paused"
            assert _timed(api.post, f"/broadcast/cancel/{job}").status_code == 200


def test_control_and_probes_answer_with_all_other_threads_busy_and_redis_frozen(
    tmp_path: Any, own_valkey: EmbeddedValkey, sqlite_store: Any, plugin: HoldingPlugin
) -> None:
    broadcaster = Broadcaster(install(tmp_path / "data", own_valkey, sqlite_store), plugins=[plugin])
    with TestClient(create_app(broadcaster), base_url=HERE) as api:
        job = _submit(api, 3)
        with _busy(api, plugin.held), frozen(own_valkey):
            answers = [
                _timed(api.post, f"/broadcast/pause/{job}"),
                _timed(api.get, f"/broadcast/{job}/status"),
                _timed(api.get, "/health/live"),
                _timed(api.get, "/health/ready"),
                _timed(api.post, "/connections/sandbox/pause"),
                _timed(api.post, "/blacklist", json={"number": "081200010000"}),
                _timed(api.post, f"/broadcast/cancel/{job}"),
            ]

    assert [answer.status_code for answer in answers] == [200, 200, 200, 503, 200, 201, 200]


def test_slow_calls_beyond_their_threads_are_refused_at_once(host_settings: Settings, plugin: HoldingPlugin) -> None:
    broadcaster = Broadcaster(host_settings, plugins=[plugin])
    with TestClient(create_app(broadcaster), base_url=HERE) as api, _busy(api, plugin.held):
        answer = _timed(api.post, "/connections/slow/test")

    assert (answer.status_code, answer.json()["code"]) == (503, "busy")
    assert int(answer.headers["retry-after"]) > 0


@pytest.mark.parametrize("group", [TESTS, PREVIEWS, FILES])
def test_slow_groups_have_few_threads_and_no_queue(group: Any) -> None:
    assert (group.threads <= 4, group.waiting) == (True, 0)


def test_probes_at_the_same_time_share_one_check(idle_api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    held, check = _Held(), Broadcaster.check

    def slow_check(self: Broadcaster) -> dict[str, str]:
        held.enter()
        return check(self)

    held.begins.set()
    monkeypatch.setattr(Broadcaster, "check", slow_check)
    with ThreadPoolExecutor(10) as callers:
        answers: list[Future[httpx.Response]] = [callers.submit(idle_api.get, "/health/ready") for _ in range(10)]
        wait_for(lambda: held.inside == 1, what="the check")
        time.sleep(0.3)
        inside = held.inside
        held.ends.set()

    assert inside == 1
    assert {answer.result().status_code for answer in answers} == {200}
