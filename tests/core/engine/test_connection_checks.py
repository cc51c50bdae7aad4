"""Disconnected connections are checked now and then, against a gateway on loopback, and go on when they work again."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from tests.scripted import number_of, people, text_to
from tests.stores import ON_SQLITE
from tests.waiting import wait_for
from wabroadcast_core import Settings
from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.testing import FakeProvider, ProviderAnswer, ProviderRequest
from wabroadcast_core.worker import Worker

pytestmark = [ON_SQLITE, pytest.mark.slow]

SENT = ProviderAnswer(201, {"id": "true_628123456789@c.us_3EB0C1", "_data": {}})
STATE_PATH = "/api/sessions/default"


class Gateway:
    """A WAHA server with one session. ``status`` is its state; sends work while it is WORKING."""

    def __init__(self) -> None:
        self.status = "WORKING"
        self.send_answer: Callable[[], ProviderAnswer] = lambda: SENT
        self.checks: list[float] = []  # in seconds of the monotonic clock

    def answer(self, request: ProviderRequest) -> ProviderAnswer:
        if request.path == STATE_PATH:
            self.checks.append(time.monotonic())
            return ProviderAnswer(200, {"name": "default", "status": self.status})
        if request.path == "/api/contacts/check-exists":
            return ProviderAnswer(200, {"numberExists": True, "chatId": f"{request.query['phone']}@c.us"})
        if self.status != "WORKING":
            return ProviderAnswer(422, {"error": "Session status is not as expected", "status": self.status})
        return self.send_answer()


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"recover_seconds": 0.3})


@pytest.fixture
def waha() -> Gateway:
    return Gateway()


@pytest.fixture(autouse=True)
def connection(broadcaster: Broadcaster, waha: Gateway) -> Iterator[None]:
    with FakeProvider(waha.answer) as provider:
        limits: dict[str, Any] = {"rate": {"messages": 50}, "jitter": None, "quotas": [], "warmUp": None}
        settings = {"baseUrl": provider.url, "apiKey": "not-a-real-key"}
        broadcaster.connections.save("main", {"sender": "waha", "settings": settings, **limits})
        yield


def _await_pause(broadcaster: Broadcaster, reason: str) -> None:
    def is_paused() -> bool:
        view = broadcaster.connections.get("main")
        return view.state == "paused" and (view.state_reason or "").startswith(reason)

    wait_for(is_paused, what=f"a pause for {reason}")


def test_a_session_that_works_again_goes_on_without_a_webhook(
    broadcaster: Broadcaster, worker: Worker, waha: Gateway
) -> None:
    waha.status = "SCAN_QR_CODE"
    job_id = broadcaster.submit(text_to("main"), people(5)).job_id
    _await_pause(broadcaster, "disconnected")
    wait_for(lambda: len(waha.checks) >= 2, what="two checks")
    assert broadcaster.connections.get("main").state == "paused"

    waha.status = "WORKING"

    wait_for(lambda: broadcaster.status(job_id).status == "completed", what="the end")
    assert broadcaster.status(job_id).counts.sent == 5
    assert broadcaster.connections.get("main").state == "active"


@pytest.mark.timed
def test_checks_become_rarer_and_are_made_by_one_worker(broadcaster: Broadcaster, waha: Gateway) -> None:
    waha.status = "STOPPED"
    workers = [Worker(broadcaster), Worker(Broadcaster(broadcaster.settings))]
    with ExitStack() as stack:
        stack.enter_context(workers[1]._broadcaster)
        for each in workers:
            each.start()
            stack.callback(each.stop)
        broadcaster.submit(text_to("main"), people(1))
        _await_pause(broadcaster, "disconnected")
        wait_for(lambda: len(waha.checks) >= 4, what="four checks")

    first, second, third, fourth = waha.checks[:4]
    assert second - first >= 0.29
    assert third - second >= 0.59
    assert fourth - third >= 1.19


@pytest.mark.parametrize("by", ["person", "person-after-the-engine", "lost-answers"])
def test_other_pauses_are_neither_checked_nor_ended(
    broadcaster: Broadcaster, worker: Worker, waha: Gateway, by: str
) -> None:
    if by == "lost-answers":
        waha.send_answer = lambda: ProviderAnswer(502, "<html>Bad Gateway</html>")
        broadcaster.submit(text_to("main"), people(8))
        _await_pause(broadcaster, "no_certain_answer")
    elif by == "person-after-the-engine":
        waha.status = "STOPPED"
        broadcaster.submit(text_to("main"), [{"number": number_of(1)}])
        _await_pause(broadcaster, "disconnected")
        broadcaster.connections.pause("main")
        waha.status = "WORKING"
    else:
        broadcaster.connections.pause("main")
    time.sleep(0.5)  # a check that has begun ends
    checks = len(waha.checks)

    time.sleep(1.5)

    assert len(waha.checks) == checks
    assert broadcaster.connections.get("main").state == "paused"
