"""Claims: messages are claimed, held, filtered and rendered."""

from collections.abc import Sequence
from typing import Any

import pytest

from tests.core.fakes import (
    FakeBlacklists,
    FakeClock,
    FakeHeldClaims,
    FakeLease,
    FakeLedger,
    FakeNewContacts,
    FakeRecorder,
)
from tests.core.rows import WORKER, broadcast, claimed, connection
from tests.core.simulated import simulated
from wabroadcast_core.delivery.claimer import Claimer
from wabroadcast_core.delivery.preflight import Preflight
from wabroadcast_core.delivery.ready_messages import PendingSend
from wabroadcast_core.errors import UnavailableError


class Claiming:
    def __init__(self) -> None:
        self.ledger = FakeLedger()
        self.held_claims = FakeHeldClaims()
        self.new_contacts = FakeNewContacts()
        self.recorder = FakeRecorder()
        plugins: Any = FakeBlacklists()
        clock: Any = FakeClock()
        fakes: dict[str, Any] = {
            "ledger": self.ledger,
            "lease": FakeLease(),
            "held_claims": self.held_claims,
            "new_contacts": self.new_contacts,
            "preflight": Preflight(plugins, clock=clock, put_aside=self.recorder.put_aside),
        }
        self.claimer = Claimer(**fakes)


def keys_of(ready: Sequence[PendingSend]) -> list[int]:
    return [pending.claimed.key for pending in ready]


@simulated
async def test_a_claim_is_made_under_the_present_worker_id() -> None:
    claiming = Claiming()

    await claiming.claimer.claim(connection(), 50, {1: 3})

    assert claiming.ledger.calls == [("claim", 1, WORKER, 50, {1: 3})]


@simulated
async def test_claimed_messages_are_ready_each_with_its_broadcast() -> None:
    claiming = Claiming()
    claiming.ledger.broadcasts = {1: broadcast(1, text="Halo"), 2: broadcast(2, text="Promo")}
    claiming.ledger.claims = [claimed(0, broadcast_id=2), claimed(0, broadcast_id=1)]

    ready, amount, due_work = await claiming.claimer.claim(connection(), 50, None)

    assert [(pending.message.message_id, pending.message.text) for pending in ready] == [
        ("job2-0", "Promo"),
        ("job1-0", "Halo"),
    ]
    assert amount == 2
    assert due_work is claiming.ledger.due_work


@simulated
async def test_messages_that_may_not_be_sent_now_count_as_claimed_and_are_held() -> None:
    claiming = Claiming()
    blocked, closed, open_ = claimed(0, blocked="complained"), claimed(1), claimed(2)
    claiming.ledger.claims = [blocked, closed, open_]
    claiming.new_contacts.held_back = {closed.key}

    ready, amount, _ = await claiming.claimer.claim(connection(), 50, None)

    assert keys_of(ready) == [open_.key]
    assert amount == 3
    assert claiming.held_claims.keys == {blocked.key, closed.key, open_.key}


@simulated
async def test_claims_are_not_held_when_a_claim_breaks_off_after_its_commit() -> None:
    claiming = Claiming()
    claiming.ledger.claims = [claimed(0), claimed(1)]
    claiming.new_contacts.error = UnavailableError("away")

    with pytest.raises(UnavailableError):
        await claiming.claimer.claim(connection(), 50, None)

    assert claiming.held_claims.keys == set()
