import asyncio
import time
from collections.abc import Callable
from dataclasses import replace

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
    parse_number,
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
    """Return the number of the sandbox with these last digits: a test number, if it is one."""
    return f"+1867555{digits}"


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
        pytest.param("0101", 1, Temporary, id="temporary-once"),
        pytest.param("0102", 1, Temporary, id="temporary"),
        pytest.param("0102", 7, Temporary, id="temporary-at-every-attempt"),
        pytest.param("0103", 1, Rejected, id="rejected"),
        pytest.param("0104", 1, Rejected, id="opted-out"),
        pytest.param("0105", 1, BadMessage, id="bad-message"),
        pytest.param("0106", 1, Throttled, id="throttled"),
        pytest.param("0107", 1, Throttled, id="recipient-throttled"),
        pytest.param("0108", 1, ConnectionDown, id="connection-down"),
        pytest.param("0109", 1, OutcomeUnknown, id="unknown"),
        pytest.param("0110", 1, OutcomeUnknown, id="unknown-settled-later"),
        pytest.param("0112", 1, sandbox.SimulatedBugError, id="bug"),
    ],
)
def test_the_last_digits_choose_the_failure(digits: str, attempt: int, error: type[Exception]) -> None:
    with pytest.raises(error) as caught:
        asyncio.run(make_sender().send(message_to(number_ending(digits), attempt=attempt)))

    assert type(caught.value) is error
    assert number_ending(digits) not in str(caught.value)
    assert f"simulated by the sandbox, as for every message to its test number ending in {digits}" in str(caught.value)


@pytest.mark.parametrize("number", ["+6281234560001", "+12025550103", "+18675550100", "+18675550114", "+86755501080"])
def test_a_number_outside_the_reserved_block_is_accepted_whatever_its_end(number: str) -> None:
    assert asyncio.run(make_sender().send(message_to(number))).provider_id


def test_the_test_numbers_pass_an_import_and_are_listed() -> None:
    listed = SandboxSender.Settings.model_json_schema()["description"]

    assert sandbox._FAILURES.keys() <= sandbox.TEST_NUMBERS.keys()
    for ending, event in sandbox.TEST_NUMBERS.items():
        assert parse_number(f"+1 867 555 {ending}", region="ID") == f"{sandbox.TEST_PREFIX}{ending}"
        assert f"+1 867 555 {ending}: the message {event}" in listed


def test_errors_have_the_fields_that_a_worker_needs() -> None:
    sender = make_sender()

    def failure(digits: str) -> SendError:
        with pytest.raises(SendError) as caught:
            asyncio.run(sender.send(message_to(number_ending(digits))))
        return caught.value

    opt_out, throttled, recipient = failure("0104"), failure("0106"), failure("0107")
    assert isinstance(opt_out, Rejected)
    assert opt_out.opt_out
    assert isinstance(throttled, Throttled)
    assert (throttled.retry_after, throttled.scope) == (1.0, "connection")
    assert isinstance(recipient, Throttled)
    assert recipient.scope == "recipient"


def test_a_number_that_fails_once_is_accepted_at_the_second_attempt() -> None:
    accepted = asyncio.run(make_sender().send(message_to(number_ending("0101"), attempt=2)))

    assert accepted.provider_id


@pytest.mark.parametrize("digits", ["0106", "0107"])
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
        pytest.param("0110", ["delivered", "read"], id="settles-an-unknown"),
        pytest.param("0111", ["failed"], id="fails-late"),
        pytest.param("0109", [], id="unknown-without-a-receipt"),
        pytest.param("0113", [], id="no-receipt"),
        pytest.param("0103", [], id="rejected"),
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
        await without.send(message_to(number_ending("0111")))
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
        message = message_to(number_ending("0106"))
        sends = [sender.send(replace(message, message_id=f"{number}")) for number in range(20)]
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
