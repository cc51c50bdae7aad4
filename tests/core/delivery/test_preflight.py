"""Preflight: the last checks of claimed messages, and their rendering."""

import asyncio
import json
import logging
import threading
import time
from collections.abc import Callable
from itertools import count
from typing import Any

import pytest

from tests.core.fakes import FakeBlacklists, FakeClock, FakeRecorder
from tests.core.rows import START, broadcast, claimed, number_of
from tests.core.simulated import simulated
from wabroadcast_core.delivery.preflight import PARSED_CHARACTERS, PLUGIN_WAIT, STRETCH_SECONDS, Preflight
from wabroadcast_core.delivery.ready_messages import PendingSend
from wabroadcast_core.errors import PluginError
from wabroadcast_core.store.claims import Claimed


class Checking:
    def __init__(
        self, plugins: FakeBlacklists | None = None, *, timer: Callable[[], float] = time.perf_counter
    ) -> None:
        self.recorder = FakeRecorder()
        self.plugins = plugins or FakeBlacklists()
        fake: Any = self.plugins
        clock: Any = FakeClock()
        self._preflight = Preflight(fake, clock=clock, put_aside=self.recorder.put_aside, timer=timer)

    async def check(self, *messages: Claimed, text: str = "Halo") -> list[PendingSend]:
        snapshot = broadcast(text=text)
        broadcasts = {message.broadcast_id: snapshot for message in messages}
        return await self._preflight.check_and_render(messages, broadcasts)

    @property
    def put_aside(self) -> list[tuple[int, str, str | None, str | None]]:
        """Messages that will not be sent now: key, status, reason, detail."""
        return [(outcome.key, outcome.status, outcome.reason, outcome.detail) for outcome in self.recorder.outcomes]


def numbers_of(ready: list[PendingSend]) -> list[str]:
    return [pending.claimed.number for pending in ready]


@simulated
async def test_a_message_is_rendered_for_its_recipient() -> None:
    message = claimed(3, name="Budi", variables=json.dumps({"code": "A1"}), attempts=1)

    [pending] = await Checking().check(message, text="Halo {{ name }}, {{ code }}")

    outgoing = pending.message
    assert (outgoing.message_id, outgoing.number, outgoing.type) == ("job1-3", number_of(3), "text")
    assert (outgoing.text, outgoing.name, outgoing.variables) == ("Halo Budi, A1", "Budi", {"code": "A1"})
    assert outgoing.attempt == 2
    assert (pending.claimed, pending.ready_at, pending.dropped) == (message, START, False)


@simulated
async def test_a_number_on_the_blacklist_is_skipped_with_its_reason() -> None:
    checking = Checking()

    ready = await checking.check(claimed(0, blocked="complained"), claimed(1))

    assert numbers_of(ready) == [number_of(1)]
    assert checking.put_aside == [(claimed(0).key, "skipped", "blacklisted", "complained")]


@simulated
async def test_a_number_that_a_plugin_blocks_is_skipped_with_its_reason() -> None:
    checking = Checking(FakeBlacklists({number_of(0): "in the file"}))

    ready = await checking.check(claimed(0), claimed(1))

    assert numbers_of(ready) == [number_of(1)]
    assert checking.put_aside == [(claimed(0).key, "skipped", "blacklisted", "in the file")]


@simulated
async def test_plugins_are_called_once_for_a_claim_with_each_number_once() -> None:
    checking = Checking(FakeBlacklists({}))

    await checking.check(claimed(0), claimed(1), claimed(0, broadcast_id=2))

    assert checking.plugins.asked == [[number_of(0), number_of(1)]]


@simulated
async def test_no_plugin_is_called_if_none_has_a_blacklist() -> None:
    checking = Checking()

    assert len(await checking.check(claimed(0))) == 1
    assert checking.plugins.asked == []


@simulated
async def test_no_message_is_sent_while_a_blacklist_fails(caplog: pytest.LogCaptureFixture) -> None:
    checking = Checking(FakeBlacklists(error=PluginError("plugin crm failed")))

    with caplog.at_level(logging.ERROR):
        ready = await checking.check(claimed(0), claimed(1))

    assert ready == []
    waits = ("retry", "blacklist_away", "plugin crm failed")
    assert checking.put_aside == [(claimed(place).key, *waits) for place in range(2)]
    assert [outcome.due_at for outcome in checking.recorder.outcomes] == [START + PLUGIN_WAIT] * 2
    assert "plugin crm failed" in caplog.text


@simulated
async def test_a_message_without_a_variable_is_skipped_and_the_others_are_ready() -> None:
    checking = Checking()

    ready = await checking.check(claimed(0), claimed(1, variables='{"code": "A1"}'), text="Kode {{ code }}")

    assert numbers_of(ready) == [number_of(1)]
    [(key, status, reason, detail)] = checking.put_aside
    assert (key, status, reason) == (claimed(0).key, "skipped", "missing_variable")
    assert "code" in (detail or "")


@simulated
async def test_a_message_whose_text_is_empty_is_skipped() -> None:
    checking = Checking()

    ready = await checking.check(claimed(0, variables='{"code": "A1"}'), text="{{ code.removeprefix('A1') }}")

    assert ready == []
    assert [(key, reason) for key, _, reason, _ in checking.put_aside] == [(claimed(0).key, "bad_text")]


@simulated
async def test_an_empty_claim_yields_no_messages() -> None:
    assert await Checking().check() == []


@pytest.mark.parametrize("text", ["Halo {{ name }}", "Halo {{ name|title }}"], ids=["plain", "with-a-filter"])
@simulated
async def test_other_coroutines_run_after_each_stretch_of_rendering(text: str) -> None:
    looks = count()  # at the timer: every one finds that half a stretch has passed
    checking = Checking(timer=lambda: next(looks) * STRETCH_SECONDS / 2)
    steps = 0

    async def count_steps() -> None:
        nonlocal steps
        while True:
            await asyncio.sleep(0)
            steps += 1

    counting = asyncio.create_task(count_steps())
    ready = await checking.check(*(claimed(place, name="Budi") for place in range(20)), text=text)
    counting.cancel()

    assert numbers_of(ready) == [number_of(place) for place in range(20)]
    assert steps >= 8  # half a stretch each: others run after every second message


def test_a_text_with_operations_is_rendered_beside_the_event_loop() -> None:
    threads: set[int] = set()

    def note_thread() -> float:
        threads.add(threading.get_ident())
        return 0.0

    asyncio.run(Checking(timer=note_thread).check(claimed(0, name="Budi"), text="Halo {{ name|title }}"))
    assert threading.get_ident() not in threads

    asyncio.run(Checking(timer=note_thread).check(claimed(0, name="Budi"), text="Halo {{ name }}"))
    assert threading.get_ident() in threads


@simulated
async def test_long_variables_are_parsed_message_by_message(monkeypatch: pytest.MonkeyPatch) -> None:
    parsed: list[int] = []

    def note_length(document: str) -> Any:
        parsed.append(len(document))
        return json.loads(document)

    monkeypatch.setattr("wabroadcast_core.delivery.preflight.from_json", note_length)
    long = json.dumps({"code": "x" * (PARSED_CHARACTERS // 2)})

    ready = await Checking().check(*(claimed(place, variables=long) for place in range(5)), text="Halo")

    assert len(ready) == 5
    assert len(parsed) == 5
    assert max(parsed) < PARSED_CHARACTERS
