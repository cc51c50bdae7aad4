"""Claims in the store that their worker does not know: settled when two comparisons in a row have found them."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.core.fakes import FakeGroupCommit, FakeIntents
from tests.core.rows import START, WORKER, hold_messages, memory_store
from tests.core.simulated import simulated
from tests.core.store.bench import Bench
from wabroadcast_core.errors import UnavailableError
from wabroadcast_core.recovery.held_claims import HeldClaims
from wabroadcast_core.store.claims import Claimed


@pytest.fixture
def store() -> Iterator[Bench]:
    with memory_store() as store:
        yield store


class Holding:
    """The claims of the worker under test, of which the store has three."""

    def __init__(self, store: Bench) -> None:
        self.store = store
        self.messages = hold_messages(store, 3)
        self.intents = FakeIntents()
        self.commits = FakeGroupCommit(store)
        fakes: list[Any] = [self.commits, self.intents]
        self.claims = HeldClaims(*fakes)

    def hold(self, *messages: Claimed) -> None:
        self.claims.add(message.key for message in messages)

    def statuses(self) -> list[str]:
        self.store.check_counters(1)
        return [self.store.message(message.key)["status"] for message in self.messages]


@simulated
async def test_a_claim_is_settled_by_the_second_comparison_that_finds_it_orphaned(store: Bench) -> None:
    holding = Holding(store)
    holding.hold(*holding.messages[1:])

    await holding.claims.give_back_orphaned(WORKER)
    assert holding.statuses() == ["processing"] * 3

    await holding.claims.give_back_orphaned(WORKER)
    assert holding.statuses() == ["queued", "processing", "processing"]


@simulated
async def test_a_claim_that_becomes_known_in_between_is_left_alone(store: Bench) -> None:
    holding = Holding(store)
    await holding.claims.give_back_orphaned(WORKER)

    holding.hold(*holding.messages)
    await holding.claims.give_back_orphaned(WORKER)

    assert holding.statuses() == ["processing"] * 3


@simulated
async def test_two_comparisons_that_are_not_in_a_row_do_not_count(store: Bench) -> None:
    holding = Holding(store)
    await holding.claims.give_back_orphaned(WORKER)
    holding.hold(*holding.messages)
    await holding.claims.give_back_orphaned(WORKER)
    holding.claims.release(message.key for message in holding.messages)

    await holding.claims.give_back_orphaned(WORKER)

    assert holding.statuses() == ["processing"] * 3


@simulated
async def test_orphaned_claims_are_settled_at_once_where_no_claim_is_being_made(store: Bench) -> None:
    holding = Holding(store)

    await holding.claims.give_back_orphaned(WORKER, at_once=True)

    assert holding.statuses() == ["queued"] * 3


@simulated
async def test_an_orphaned_message_is_unknown_if_it_may_have_left_and_else_waits_as_before(store: Bench) -> None:
    holding = Holding(store)
    left, tried, new = holding.messages
    holding.intents.held = {left.key}
    with store.unit() as unit:
        unit.conn.exec_driver_sql("UPDATE messages SET attempts = 1 WHERE id = ?", (tried.key,))

    await holding.claims.give_back_orphaned(WORKER, at_once=True)

    assert holding.statuses() == ["unknown", "retry", "queued"]
    assert store.message(left.key)["reason"] == "lost"
    assert store.message(tried.key)["due_at"] == START
    assert store.message(new.key)["due_at"] is None


@simulated
async def test_the_claims_of_other_workers_are_left_alone(store: Bench) -> None:
    holding = Holding(store)

    await holding.claims.give_back_orphaned(WORKER + 1, at_once=True)

    assert holding.statuses() == ["processing"] * 3


@simulated
async def test_a_comparison_without_the_store_does_not_count(store: Bench) -> None:
    holding = Holding(store)
    holding.commits.transactions.answers.append(UnavailableError("away"))

    with pytest.raises(UnavailableError):
        await holding.claims.give_back_orphaned(WORKER)
    await holding.claims.give_back_orphaned(WORKER)

    assert holding.statuses() == ["processing"] * 3
