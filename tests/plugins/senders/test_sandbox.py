import asyncio
import time
from collections.abc import Callable

import pytest

from wabroadcast_core import (
    BadMessage,
    ConnectionDown,
    OutcomeUnknown,
    Receipt,
    Rejected,
    SendError,
    Temporary,
    Throttled,
)
from wabroadcast_core.plugins import build_plugins
from wabroadcast_core.testing import fake_sender_context, message_to
from wabroadcast_core.testing.contexts import ProviderEvents
from wabroadcast_plugins.senders import sandbox
from wabroadcast_plugins.senders.sandbox import SandboxSender, SandboxSettings

GOOD = "+628123456789"
TIMEOUT = 10.0  # seconds


def make_sender(received: list[ProviderEvents] | None = None, **settings: float) -> SandboxSender:
    quick = {"latency_seconds": 0, "delivered_seconds": 0.01, "read_seconds": 0.02, "read_share": 1, **settings}
    return SandboxSender(SandboxSettings.model_validate(quick), fake_sender_context(received=received))


def number_ending(digits: str) -> str:
    return f"+62812345{digits}"


async def wait_until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(TIMEOUT):
        while not condition():  # noqa: ASYNC110 - the condition is about a plain list
            await asyncio.sleep(0.005)


def kinds_in(received: list[ProviderEvents]) -> list[str]:
    return [event.kind for event in received if isinstance(event, Receipt)]


def test_the_sandbox_is_found_as_a_plugin() -> None:
    assert build_plugins([sandbox], discover=False).sender("sandbox") is SandboxSender


def test_a_good_number_is_accepted_delivered_and_read() -> None:
    received: list[ProviderEvents] = []

    async def send() -> str | None:
        accepted = await make_sender(received).send(message_to(GOOD))
        await wait_until(lambda: len(received) == 2)
        return accepted.provider_id

    provider_id = asyncio.run(send())

    assert kinds_in(received) == ["delivered", "read"]
    for receipt in received:
        assert isinstance(receipt, Receipt)
        assert receipt.provider_id == provider_id
        assert receipt.message_id == message_to(GOOD).message_id
        assert abs(receipt.at - time.time()) < TIMEOUT


def test_a_send_takes_its_latency() -> None:
    async def send() -> float:
        started = asyncio.get_running_loop().time()
        await make_sender(latency_seconds=0.05).send(message_to(GOOD))
        return asyncio.get_running_loop().time() - started

    assert asyncio.run(send()) >= 0.049


@pytest.mark.parametrize(
    ("digits", "attempt", "error"),
    [
        pytest.param("0001", 1, Temporary, id="temporary-once"),
        pytest.param("0002", 1, Temporary, id="temporary"),
        pytest.param("0002", 7, Temporary, id="temporary-at-every-attempt"),
        pytest.param("0003", 1, Rejected, id="rejected"),
        pytest.param("0004", 1, Rejected, id="opted-out"),
        pytest.param("0005", 1, BadMessage, id="bad-message"),
        pytest.param("0006", 1, Throttled, id="throttled"),
        pytest.param("0007", 1, Throttled, id="recipient-throttled"),
        pytest.param("0008", 1, ConnectionDown, id="connection-down"),
        pytest.param("0009", 1, OutcomeUnknown, id="unknown"),
        pytest.param("0010", 1, OutcomeUnknown, id="unknown-settled-later"),
        pytest.param("0012", 1, RuntimeError, id="bug"),
    ],
)
def test_the_last_digits_choose_the_failure(digits: str, attempt: int, error: type[Exception]) -> None:
    with pytest.raises(error) as caught:
        asyncio.run(make_sender().send(message_to(number_ending(digits), attempt=attempt)))

    assert type(caught.value) is error
    assert digits not in str(caught.value)


def test_errors_have_the_fields_that_a_worker_needs() -> None:
    sender = make_sender()

    def failure(digits: str) -> SendError:
        with pytest.raises(SendError) as caught:
            asyncio.run(sender.send(message_to(number_ending(digits))))
        return caught.value

    opt_out, throttled, recipient = failure("0004"), failure("0006"), failure("0007")
    assert isinstance(opt_out, Rejected)
    assert opt_out.opt_out
    assert isinstance(throttled, Throttled)
    assert (throttled.retry_after, throttled.scope) == (1.0, "connection")
    assert isinstance(recipient, Throttled)
    assert recipient.scope == "recipient"


def test_a_number_that_fails_once_is_accepted_at_the_second_attempt() -> None:
    accepted = asyncio.run(make_sender().send(message_to(number_ending("0001"), attempt=2)))

    assert accepted.provider_id


@pytest.mark.parametrize("digits", ["0006", "0007"])
def test_a_throttled_message_is_accepted_when_it_is_sent_again_with_the_same_attempt(digits: str) -> None:
    sender = make_sender()
    message = message_to(number_ending(digits))

    with pytest.raises(Throttled):
        asyncio.run(sender.send(message))
    accepted = asyncio.run(sender.send(message))

    assert accepted.provider_id


@pytest.mark.parametrize(
    ("digits", "kinds"),
    [
        pytest.param("0010", ["delivered", "read"], id="settles-an-unknown"),
        pytest.param("0011", ["failed"], id="fails-late"),
        pytest.param("0009", [], id="unknown-without-a-receipt"),
        pytest.param("0013", [], id="no-receipt"),
        pytest.param("0003", [], id="rejected"),
    ],
)
def test_the_last_digits_choose_the_receipts(digits: str, kinds: list[str]) -> None:
    received: list[ProviderEvents] = []

    async def send() -> None:
        sender = make_sender(received)
        await asyncio.gather(sender.send(message_to(number_ending(digits))), return_exceptions=True)
        await sender.send(message_to(GOOD))
        await wait_until(lambda: len(received) == len(kinds) + 2)

    asyncio.run(send())

    ours = [event for event in received if isinstance(event, Receipt) and str(event.message_id).endswith(digits)]
    assert [receipt.kind for receipt in ours] == kinds
    assert all(isinstance(receipt.error, Rejected) is (receipt.kind == "failed") for receipt in ours)


def test_without_receipts_no_event_arrives() -> None:
    received: list[ProviderEvents] = []

    async def send() -> None:
        without, with_receipts = make_sender(received, receipts=False), make_sender(received)
        await without.send(message_to(number_ending("0011")))
        await without.send(message_to(number_ending("7777")))
        await with_receipts.send(message_to(GOOD))
        await wait_until(lambda: len(received) >= 2)

    asyncio.run(send())

    assert {event.message_id for event in received if isinstance(event, Receipt)} == {message_to(GOOD).message_id}


def test_a_share_of_the_messages_is_read_always_the_same() -> None:
    async def read_ones() -> set[str | None]:
        received: list[ProviderEvents] = []
        sender = make_sender(received, read_share=0.5)
        for number in range(400):
            await sender.send(message_to(f"+62812{number:06}99"))
        await wait_until(lambda: kinds_in(received).count("delivered") == 400)
        await asyncio.sleep(0)
        await wait_until(lambda: not sender._pending._due)
        return {event.message_id for event in received if isinstance(event, Receipt) and event.kind == "read"}

    first, second = asyncio.run(read_ones()), asyncio.run(read_ones())

    assert first == second
    assert 120 < len(first) < 280


def test_thousands_of_receipts_share_one_timer_and_no_task() -> None:
    received: list[ProviderEvents] = []

    async def send() -> int:
        sender = make_sender(received)
        for number in range(5_000):
            await sender.send(message_to(f"+62812{number:06}99"))
        tasks = len(asyncio.all_tasks())
        await wait_until(lambda: len(received) == 10_000)
        return tasks

    assert asyncio.run(send()) == 1
    assert len({(event.kind, event.message_id) for event in received if isinstance(event, Receipt)}) == 10_000


def test_the_number_of_pending_receipts_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "MOST_PENDING", 10)

    async def count_pending() -> int:
        sender = make_sender()
        for number in range(20):
            await sender.send(message_to(f"+62812{number:06}99"))
        return len(sender._pending._due)

    assert asyncio.run(count_pending()) == 10


def test_the_number_of_remembered_throttled_messages_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "MOST_THROTTLED", 10)

    async def count_remembered() -> int:
        sender = make_sender()
        sends = [sender.send(message_to(f"+62812{number:03}0006")) for number in range(20)]
        await asyncio.gather(*sends, return_exceptions=True)
        return len(sender._throttled)

    assert asyncio.run(count_remembered()) == 10


def test_a_closed_sender_delivers_no_more_receipts() -> None:
    received: list[ProviderEvents] = []

    async def send_and_close() -> None:
        closed, open_one = make_sender(received), make_sender(received)
        await closed.send(message_to(number_ending("1111")))
        await closed.aclose()
        await open_one.send(message_to(GOOD))
        await wait_until(lambda: len(received) >= 2)

    asyncio.run(send_and_close())

    assert {event.message_id for event in received if isinstance(event, Receipt)} == {message_to(GOOD).message_id}


def test_an_early_receipt_is_not_held_up_by_a_late_one() -> None:
    received: list[ProviderEvents] = []

    async def send() -> None:
        sender = make_sender(received, delivered_seconds=0.01, read_seconds=3_600)
        await sender.send(message_to(GOOD))
        await wait_until(lambda: len(received) == 1)
        await sender.send(message_to(number_ending("7777")))
        await wait_until(lambda: len(received) == 2)

    asyncio.run(send())

    assert kinds_in(received) == ["delivered", "delivered"]
