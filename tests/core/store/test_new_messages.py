"""New messages, on both stores."""

import pytest

from tests.core.store.harness import StoreHarness
from wabroadcast_core.models.status import MessageStatus, SkipReason
from wabroadcast_core.store import messages as message_store
from wabroadcast_core.store.claims import ANY_ROUTE
from wabroadcast_core.store.messages import message_key
from wabroadcast_core.store.new_messages import NewMessage, insert_messages


def queued(broadcast: int, position: int, number: str, name: str | None = None) -> NewMessage:
    key, status = message_key(broadcast, position), MessageStatus.QUEUED
    return NewMessage(key, broadcast, 0, ANY_ROUTE, status, number, None, name, '{"kode":"A1"}', None, None)


def skipped(broadcast: int, position: int, raw: str, detail: str) -> NewMessage:
    key, reason = message_key(broadcast, position), SkipReason.INVALID_NUMBER
    return NewMessage(key, broadcast, 0, ANY_ROUTE, MessageStatus.SKIPPED, None, raw, None, None, reason, detail)


def test_messages_whose_number_the_broadcast_has_are_left_out(harness: StoreHarness) -> None:
    first, second = harness.add_broadcast(), harness.add_broadcast()
    rows = [queued(first, 0, "+6281200000001"), queued(first, 1, "+6281200000002")]
    more = [queued(first, 2, "+6281200000002"), queued(first, 3, "+6281200000003"), queued(first, 4, "+6281200000003")]

    with harness.database.write() as conn:
        assert insert_messages(conn, rows) == {message_key(first, 0), message_key(first, 1)}
        assert insert_messages(conn, more) == {message_key(first, 3)}
        assert insert_messages(conn, [queued(second, 0, "+6281200000001")]) == {message_key(second, 0)}
        assert insert_messages(conn, []) == set()


def test_messages_that_are_stored_already_are_left_out(harness: StoreHarness) -> None:
    key = harness.add_broadcast()
    rows = [queued(key, place, f"+628120000000{place}") for place in range(3)]

    with harness.database.write() as conn:
        insert_messages(conn, rows[1:2])
        assert insert_messages(conn, rows) == {message_key(key, 0), message_key(key, 2)}
        assert insert_messages(conn, rows) == set()


@pytest.mark.parametrize("text", ["NUL \x00 in it", "half a pair \ud83d", "back\\u0000slash", "😀 'quoted' \"twice\""])
def test_texts_of_messages_lose_only_what_no_database_stores(harness: StoreHarness, text: str) -> None:
    key = harness.add_broadcast()
    stored = text.replace("\x00", "\N{REPLACEMENT CHARACTER}").replace("\ud83d", "?")

    with harness.database.write() as conn:
        insert_messages(conn, [queued(key, 0, "+6281200000001", text), skipped(key, 1, text, text)])

    with harness.database.read() as conn:
        first, second = (message_store.find_message(conn, message_key(key, position)) for position in (0, 1))
    assert first is not None
    assert second is not None
    assert (first["status"], first["name"], first["variables"]) == ("queued", stored, '{"kode":"A1"}')
    assert (second["status"], second["raw"], second["reason"]) == ("skipped", stored, "invalid_number")
    assert second["detail"] == stored
