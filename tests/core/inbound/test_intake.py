"""What a webhook call costs until it is answered: transactions, wake-ups of the event loop."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import pytest
from sqlalchemy import event

from tests.core.inbound.test_kept_calls import HEADERS, FaultyPlugin
from wabroadcast_core import Settings
from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.errors import WebhookRefusedError
from wabroadcast_core.inbound.call_answers import CallAnswers, TakenCall
from wabroadcast_core.models.receipt import WebhookRequest

CALL = WebhookRequest("POST", {}, HEADERS, b"{}")


def test_a_call_takes_one_transaction_to_read_and_one_to_write(settings: Settings) -> None:
    """It may concern the other connection, whose sender fails."""
    begun: list[bool] = []
    with Broadcaster(settings, plugins=[FaultyPlugin()]) as broadcaster:
        for name in ("main", "other"):
            broadcaster.connections.save(name, {"sender": "faulty"})
        broadcaster.webhooks.take("main", CALL).result(10)

        @event.listens_for(broadcaster.context.database.db_engine, "begin")
        def _note(conn: Any) -> None:
            if threading.current_thread().name == "wabroadcast-webhooks":
                begun.append(conn.get_execution_options().get("wab_write", False))

        broadcaster.webhooks.take("main", CALL).result(10)

    assert begun == [False, True]


class CountingLoop(asyncio.SelectorEventLoop):
    """An event loop that counts how often others have woken it."""

    wake_ups = 0

    def call_soon_threadsafe(self, callback: Any, *args: Any, context: Any = None) -> Any:  # type: ignore[override]  # any types
        self.wake_ups += 1
        return super().call_soon_threadsafe(callback, *args, context=context)


def _call(answer: Any) -> TakenCall:
    return TakenCall("main", CALL, answer)


def test_the_answers_of_a_batch_wake_an_event_loop_once() -> None:
    async def answer_five(loop: CountingLoop) -> list[Any]:
        futures = [loop.create_future() for _ in range(5)]
        futures[1].cancel()  # its client has left
        answers = CallAnswers()
        for number, future in enumerate(futures):
            answers.reply(_call(future), str(number))
        answers.fail(_call(failed := loop.create_future()), WebhookRefusedError("no"))
        answers.pass_on()
        return await asyncio.gather(*futures, failed, return_exceptions=True)

    with asyncio.Runner(loop_factory=CountingLoop) as runner:
        loop = runner.get_loop()
        assert isinstance(loop, CountingLoop)
        replies = runner.run(answer_five(loop))

    assert loop.wake_ups == 1
    assert replies[0:1] + replies[2:5] == ["0", "2", "3", "4"]
    assert isinstance(replies[1], asyncio.CancelledError)
    assert isinstance(replies[5], WebhookRefusedError)


def _answer_in_a_thread(answers: CallAnswers) -> Future[str | None]:
    answer: Future[str | None] = Future()
    answers.reply(_call(answer), "here")
    return answer


@pytest.mark.parametrize("closes", ["before", "between"])
def test_a_closed_event_loop_keeps_no_other_caller_from_its_answer(closes: str) -> None:
    loop, answers = asyncio.new_event_loop(), CallAnswers()
    future = loop.create_future()
    steps: list[Callable[[], Any]] = [loop.close, lambda: answers.reply(_call(future), "gone")]
    for step in steps if closes == "before" else reversed(steps):
        step()

    waiting = _answer_in_a_thread(answers)
    answers.pass_on()

    assert waiting.result(0) == "here"
