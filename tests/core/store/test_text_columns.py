"""Texts that may be sentences of our own, on each database: written by tables and by SQL, found by their English."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import RowMapping, select

from tests.core.store.harness import StoreHarness
from wabroadcast_core.models.status import AttemptOutcome, MessageStatus
from wabroadcast_core.sentence_texts import say
from wabroadcast_core.sentences import Sentence
from wabroadcast_core.store import attempts as attempt_store
from wabroadcast_core.store import audit_log
from wabroadcast_core.store import broadcasts as broadcast_store
from wabroadcast_core.store.attempts import NewAttempt
from wabroadcast_core.store.outcomes import Outcome
from wabroadcast_core.store.tables import messages

MARK = "\x1e"
SENTENCE = say("media_unreachable", cause=say("net_reset"))
WORDS = f'HTTP 400 {MARK}{{"code": "undone", "values": {{}}}}'  # of a provider, as if it were one of ours


def _facts(text: object) -> tuple[str, str, Mapping[str, Any]]:
    assert isinstance(text, Sentence)
    return str(text), text.code, text.values


def _claimed(harness: StoreHarness, amount: int) -> tuple[int, list[int]]:
    """Store a broadcast whose messages are claimed. Return its key and theirs."""
    key = harness.add_broadcast()
    harness.add_messages(key, range(amount))
    harness.end_preparing(key)
    return key, [claim.key for claim in harness.claim(key, amount)]


def test_the_details_of_messages_and_attempts_keep_their_codes(harness: StoreHarness) -> None:
    _, (ours, others) = _claimed(harness, 2)
    harness.record(
        Outcome(ours, MessageStatus.FAILED, used=True, reason="media_unreachable", detail=SENTENCE),
        Outcome(others, MessageStatus.FAILED, used=True, reason="http_400", detail=WORDS),
    )
    with harness.unit() as unit:
        for key, detail in ((ours, SENTENCE), (others, WORDS)):
            values = (key, 1, harness.now, harness.connections[0], AttemptOutcome.FAILED, "x", detail)
            attempt_store.add_attempts(unit.conn, [NewAttempt(*values)])
            attempt_store.add_attempts(unit.conn, [NewAttempt(*values)])  # an equal one

    with harness.database.read() as conn:
        stored = dict(conn.execute(select(messages.c.id, messages.c.detail)).all())
        tried = {key: attempt_store.attempts_of(conn, key) for key in (ours, others)}

    assert _facts(stored[ours]) == _facts(tried[ours][0]["detail"]) == _facts(SENTENCE)
    assert [(one["detail"], one["times"]) for one in tried[others]] == [(stored[others], 2)]
    assert not isinstance(stored[others], Sentence)
    assert stored[others] == WORDS.replace(MARK, "\N{REPLACEMENT CHARACTER}")


def test_acts_of_a_part_are_found_whether_an_earlier_version_stored_them_or_not(harness: StoreHarness) -> None:
    key = harness.add_broadcast()
    details = ["message 1", audit_log.of_message(1), "batch 0", audit_log.of_batch(0), audit_log.of_message(11), None]
    with harness.unit() as unit:
        for place, detail in enumerate(details):
            values: dict[str, Any] = {"action": "pause", "actor": f"person {place}", "now": harness.now}
            audit_log.record_action(unit.conn, detail=detail, broadcast_id=key, **values)

    with harness.database.read() as conn:
        found = audit_log.actions_on_message(conn, key, position=1, batch=0)
        pauses = audit_log.pauses_of_parts(conn, key)

    assert [act["detail"] for act in found] == ["message 1", "message 1", "batch 0", "batch 0", None]
    assert pauses == {"message 1": "person 1", "batch 0": "person 3", "message 11": "person 4"}


def test_the_pause_of_a_broadcast_is_found_by_its_reason(harness: StoreHarness) -> None:
    key, reason = harness.add_broadcast(), say("failures_alike", reason="http_400")
    with harness.unit() as unit:
        broadcast_store.update_broadcast(unit.conn, key, status_reason=reason)
        for actor, detail in (("engine", reason), ("Rina", None), ("engine 2", say("failures_alike", reason="x"))):
            values: dict[str, Any] = {"action": "pause", "actor": actor, "now": harness.now}
            audit_log.record_action(unit.conn, detail=detail, broadcast_id=key, **values)

    row: RowMapping = harness.broadcast(key)
    with harness.database.read() as conn:
        actors = audit_log.pausers_of_broadcasts(conn, [key])

    assert _facts(row["status_reason"]) == _facts(reason)
    assert [actors[key, why] for why in (row["status_reason"], "")] == ["engine", "Rina"]
