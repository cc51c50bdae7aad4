"""Automatic replies wait for a slot and are tried once."""

import asyncio
import logging
from typing import Any

import pytest
import redis

from tests.core.fakes import FakeClock, FakeLiveSenders, FakePace, FakeSender, slots
from tests.core.rows import START, connection, number_of
from tests.core.simulated import settle, simulated
from wabroadcast_core.background import BackgroundTasks
from wabroadcast_core.errors import ConnectionDown, Temporary, UnavailableError
from wabroadcast_core.inbound.auto_replies import LEAST_WAIT, LONGEST_WAIT, AutoReplies
from wabroadcast_core.pacing.pace import Slots


class Replying:
    def __init__(self, *answers: Slots | Exception, sender: FakeSender | None = None, error: Any = None) -> None:
        self.clock = FakeClock()
        self.sender = sender or FakeSender()
        self.pace = FakePace(self.clock, *answers)
        self.background = BackgroundTasks("background work")
        fakes: dict[str, Any] = {
            "pace": self.pace,
            "live_senders": FakeLiveSenders(self.sender, error=error),
            "clock": self.clock,
        }
        self.replies = AutoReplies(**fakes, background=self.background)

    async def reply(self, **changed: Any) -> None:
        """Send one reply, and wait until it is sent or given up."""
        self.replies.send(connection(**changed), number_of(0), "Baik.")
        await self.background.wait(within=10_000)


@simulated
async def test_a_reply_is_a_plain_text_without_a_preview() -> None:
    replying = Replying()

    await replying.reply()

    [message] = replying.sender.messages
    assert (message.number, message.type, message.text) == (number_of(0), "text", "Baik.")
    assert message.content == {"previewUrl": False}
    assert message.message_id.startswith("reply-")


@simulated
async def test_each_reply_has_an_id_of_its_own() -> None:
    replying = Replying()

    await replying.reply()
    await replying.reply()

    first, second = replying.sender.messages
    assert first.message_id != second.message_id


@simulated
async def test_a_paused_connection_does_not_reply() -> None:
    replying = Replying()

    await replying.reply(active=False)

    assert replying.sender.messages == []
    assert replying.pace.calls == []


@simulated
async def test_a_reply_leaves_on_its_slot() -> None:
    replying = Replying(slots(START + 7))
    replying.replies.send(connection(), number_of(0), "Baik.")

    await asyncio.sleep(6.9)
    assert replying.sender.messages == []

    await asyncio.sleep(0.2)
    assert len(replying.sender.messages) == 1


@simulated
async def test_a_reply_without_a_slot_requests_one_again_when_the_next_is_available() -> None:
    replying = Replying(slots(next_at=START + 20), slots(next_at=START), slots(START + 20))

    await replying.reply()

    assert [at - START for _, _, at in replying.pace.calls] == pytest.approx([0, 20, 20 + LEAST_WAIT])
    assert len(replying.sender.messages) == 1


@simulated
async def test_a_reply_that_would_leave_very_late_is_given_up(caplog: pytest.LogCaptureFixture) -> None:
    replying = Replying(slots(START + LONGEST_WAIT + 1))

    await replying.reply()

    assert replying.clock.now() == START + LONGEST_WAIT
    assert replying.sender.messages == []
    assert [record.levelno for record in caplog.records] == [logging.WARNING]


@simulated
async def test_a_reply_without_an_answer_is_given_up() -> None:
    replying = Replying(sender=FakeSender(asyncio.Event()))

    await replying.reply()

    assert replying.background.is_idle
    assert replying.clock.now() == START + LONGEST_WAIT


@pytest.mark.parametrize(
    ("fault", "name"),
    [
        pytest.param({"sender": FakeSender(Temporary("503"))}, "Temporary", id="refused"),
        pytest.param({"error": ConnectionDown("bad_settings")}, "ConnectionDown", id="no-sender"),
        pytest.param({"answer": redis.ConnectionError()}, "ConnectionError", id="no-redis"),
        pytest.param({"answer": UnavailableError("away")}, "UnavailableError", id="no-store"),
    ],
)
@simulated
async def test_a_reply_that_fails_is_not_tried_again_and_its_error_is_named(
    fault: dict[str, Any], name: str, caplog: pytest.LogCaptureFixture
) -> None:
    answers = [fault["answer"]] if "answer" in fault else []
    replying = Replying(*answers, sender=fault.get("sender"), error=fault.get("error"))

    await replying.reply()

    assert len(replying.pace.calls) == 1
    assert len(replying.sender.messages) == ("sender" in fault)
    assert [(record.levelno, name in record.getMessage()) for record in caplog.records] == [(logging.WARNING, True)]
    assert number_of(0) not in caplog.text


@simulated
async def test_replies_wait_for_their_slots_independently() -> None:
    replying = Replying(slots(START + 60), slots(START + 5))
    for place in range(2):
        replying.replies.send(connection(), number_of(place), "Baik.")
    await settle()

    await asyncio.sleep(10)

    assert [message.number for message in replying.sender.messages] == [number_of(1)]


@simulated
async def test_the_log_of_a_bug_hides_its_text(caplog: pytest.LogCaptureFixture) -> None:
    await Replying(sender=FakeSender(ValueError("token=secret"))).reply()

    assert "ValueError" in caplog.text
    assert "secret" not in caplog.text
