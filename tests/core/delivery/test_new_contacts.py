"""The gate for new contacts: connections that may not message them for a time."""

from typing import Any

import pytest

from tests.core.fakes import FakeClock, FakeLedger, FakeRecorder
from tests.core.rows import START, claimed, number_of
from tests.core.simulated import simulated
from wabroadcast_core.delivery.new_contacts import NewContactGate
from wabroadcast_core.errors import UnavailableError

MESSAGES = [claimed(0), claimed(1), claimed(2)]


class Gate:
    """A gate; the person of ``MESSAGES[1]`` was reached before."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.ledger = FakeLedger()
        self.ledger.reached_before = {number_of(1)}
        self.recorder = FakeRecorder()
        ledger: Any = self.ledger
        clock: Any = self.clock
        self.gate = NewContactGate(ledger, clock=clock, put_aside=self.recorder.put_aside)


@simulated
async def test_an_open_connection_sends_to_all_contacts_without_a_query() -> None:
    gate = Gate()

    assert await gate.gate.hold_back(1, MESSAGES) == MESSAGES
    assert gate.ledger.calls == []
    assert gate.recorder.results == []


@simulated
async def test_a_closed_connection_sends_only_to_contacts_that_it_reached_before() -> None:
    gate = Gate()
    gate.gate.close(1, seconds=90)
    gate.clock.move(30)

    assert await gate.gate.hold_back(1, MESSAGES) == [MESSAGES[1]]
    assert [(outcome.key, outcome.status, outcome.reason) for outcome in gate.recorder.outcomes] == [
        (MESSAGES[0].key, "retry", "new_contacts_closed"),
        (MESSAGES[2].key, "retry", "new_contacts_closed"),
    ]
    assert {outcome.due_at for outcome in gate.recorder.outcomes} == {START + 90}
    assert not any(outcome.used for outcome in gate.recorder.outcomes)


@simulated
async def test_closing_one_connection_leaves_another_open() -> None:
    gate = Gate()
    gate.gate.close(1, seconds=90)

    assert await gate.gate.hold_back(2, MESSAGES) == MESSAGES


@simulated
async def test_a_connection_opens_again_after_its_time() -> None:
    gate = Gate()
    gate.gate.close(1, seconds=90)
    gate.clock.move(90)

    assert await gate.gate.hold_back(1, MESSAGES) == MESSAGES


@simulated
async def test_a_shorter_time_does_not_open_a_connection_sooner() -> None:
    gate = Gate()
    gate.gate.close(1, seconds=90)
    gate.gate.close(1, seconds=5)
    gate.clock.move(60)

    assert await gate.gate.hold_back(1, MESSAGES) == [MESSAGES[1]]


@simulated
async def test_no_message_is_put_aside_while_the_store_is_away() -> None:
    gate = Gate()
    gate.gate.close(1, seconds=90)
    gate.ledger.raises["reached"].append(UnavailableError("away"))

    with pytest.raises(UnavailableError):
        await gate.gate.hold_back(1, MESSAGES)
    assert gate.recorder.results == []


@simulated
async def test_the_store_is_not_queried_for_an_empty_claim() -> None:
    gate = Gate()
    gate.gate.close(1, seconds=90)

    assert list(await gate.gate.hold_back(1, [])) == []
    assert gate.ledger.calls == []
