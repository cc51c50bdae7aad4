"""The ids by which WhatsApp knows people, on both stores."""

import pytest
from sqlalchemy import select, update

from tests.core.store.harness import StoreHarness
from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.store.identities import note_answered, note_identities, numbers_of
from wabroadcast_core.store.tables import identities, messages


@pytest.fixture
def store(shared: Broadcaster) -> StoreHarness:
    harness = StoreHarness(shared.context.database)
    harness.clear()
    return harness


def keys_and_numbers(store: StoreHarness, amount: int) -> list[tuple[int, str]]:
    """Store messages, and return the key and the number of each."""
    store.add_messages(store.add_broadcast(), range(amount))
    with store.database.read() as conn:
        rows = conn.execute(select(messages.c.id, messages.c.number).order_by(messages.c.id)).all()
    return [(row.id, row.number) for row in rows]


def noted(store: StoreHarness) -> dict[str, str]:
    with store.database.read() as conn:
        return dict(conn.execute(select(identities.c.wa_id, identities.c.number)).all())


def test_an_id_gets_the_number_of_the_last_message_that_it_answered(store: StoreHarness) -> None:
    [(first, one), (second, other), (third, last)] = keys_and_numbers(store, 3)

    with store.database.write() as conn:
        note_answered(conn, {"US.1": first, "US.2": second})
    with store.database.write() as conn:
        note_answered(conn, {"US.2": third, "US.1": first})

    assert noted(store) == {"US.1": one, "US.2": last}
    assert other not in noted(store).values()


def test_an_erased_number_gets_no_id(store: StoreHarness) -> None:
    [(erased, _), (kept, number)] = keys_and_numbers(store, 2)
    with store.database.write() as conn:
        conn.execute(update(messages).where(messages.c.id == erased).values(number=None))

    with store.database.write() as conn:
        note_answered(conn, {"US.1": erased, "US.2": kept, "US.3": erased + 1_000})

    assert noted(store) == {"US.2": number}


@pytest.mark.parametrize("wa_id", ["US\0", "US\ud800", "\U0001f600", '"', ""], ids=ascii)
def test_an_id_may_be_any_text(store: StoreHarness, wa_id: str) -> None:
    [(key, number), (other, _)] = keys_and_numbers(store, 2)

    with store.database.write() as conn:
        note_answered(conn, {"US\ufffd": other, wa_id: key})
        note_identities(conn, {"US\ufffd": "+62", wa_id: number})
        found = numbers_of(conn, [wa_id])

    assert list(found.values()) == [number]
    assert number in noted(store).values()
