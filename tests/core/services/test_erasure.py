"""Erasing a person, on both stores: from the contact book and from every message, with all counts unchanged."""

import json
from collections.abc import Sequence

import pytest
from sqlalchemy import select, text

from tests.core.store.harness import StoreHarness
from wabroadcast_core import NumberError, hookimpl
from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.models.broadcast import BroadcastSummary
from wabroadcast_core.models.contact import ErasureReport
from wabroadcast_core.models.status import AttemptOutcome, MessageStatus
from wabroadcast_core.services import erasure
from wabroadcast_core.store import attempts as attempt_store
from wabroadcast_core.store import claims as claim_store
from wabroadcast_core.store import messages as message_store
from wabroadcast_core.store import unknown as unknown_store
from wabroadcast_core.store.attempts import NewAttempt
from wabroadcast_core.store.claims import ANY_ROUTE
from wabroadcast_core.store.messages import message_key
from wabroadcast_core.store.new_messages import NewMessage, insert_messages
from wabroadcast_core.store.outcomes import Outcome
from wabroadcast_core.store.tables import acts

M = MessageStatus
PERSON, OTHER = "+6281200000000", "+6281200000001"
PRIVATE = ("number", "raw", "name", "variables", "provider_id")


@pytest.fixture
def broadcaster(shared: Broadcaster) -> Broadcaster:
    return shared


@pytest.fixture
def harness(broadcaster: Broadcaster) -> StoreHarness:
    made = StoreHarness(broadcaster.context.database)
    made.clear()
    return made


def add_broadcast(harness: StoreHarness, *statuses: MessageStatus, prepared: bool = True) -> int:
    """Add a broadcast to the person and to others, whose messages have these statuses in this order."""
    key = harness.add_broadcast()
    rows = [new_message(key, place, f"+62812{place:08d}") for place in range(len(statuses))]
    with harness.unit() as unit:
        insert_messages(unit.conn, rows)
        unit.changes[key, "queued"] += len(rows)
        unit.changes[key, "total"] += len(rows)
    bring_to(harness, key, statuses)
    if prepared:
        harness.end_preparing(key)
    return key


def new_message(key: int, place: int, number: str) -> NewMessage:
    variables = json.dumps({"kode": place})
    return NewMessage(
        message_key(key, place), key, 0, ANY_ROUTE, M.QUEUED, number, None, f"Orang {place}", variables, None, None,
    )  # fmt: skip


def bring_to(harness: StoreHarness, key: int, statuses: Sequence[MessageStatus]) -> None:
    moved = {place: status for place, status in enumerate(statuses) if status not in {M.QUEUED, M.PAUSED}}
    if moved:
        claimed = harness.claim(key, len(statuses))
        outcomes = [
            Outcome(
                claim.key,
                moved.get(message_store.position_of(claim.key), M.QUEUED),
                provider_id=f"wamid.{claim.key}",
                due_at=harness.now,
            )
            for claim in claimed
            if moved.get(message_store.position_of(claim.key)) is not M.PROCESSING
        ]
        harness.record(*outcomes)
    with harness.unit() as unit:
        for place, status in enumerate(statuses):
            if status is M.PAUSED:
                message_store.move_one(
                    unit.conn, message_key(key, place), among=[M.QUEUED], status=status, changes=unit.changes
                )


def is_blank(harness: StoreHarness, key: int) -> bool:
    row = harness.message(key)
    return not any(row[name] for name in PRIVATE)


# --- messages --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "after", "report"),
    [
        pytest.param(M.QUEUED, M.CANCELLED, {"cancelled": 1}, id="queued"),
        pytest.param(M.RETRY, M.CANCELLED, {"cancelled": 1}, id="retry"),
        pytest.param(M.PAUSED, M.CANCELLED, {"cancelled": 1}, id="paused"),
        pytest.param(M.PROCESSING, M.PROCESSING, {"under_way": 1}, id="processing"),
        pytest.param(M.SENT, M.SENT, {}, id="sent"),
        pytest.param(M.FAILED, M.FAILED, {}, id="failed"),
        pytest.param(M.UNKNOWN, M.UNKNOWN, {}, id="unknown"),
        pytest.param(M.CANCELLED, M.CANCELLED, {}, id="cancelled"),
        pytest.param(M.SKIPPED, M.SKIPPED, {}, id="skipped-at-the-send"),
    ],
)
def test_a_message_is_blanked_and_a_waiting_one_is_cancelled(
    broadcaster: Broadcaster, harness: StoreHarness, status: MessageStatus, after: MessageStatus, report: dict[str, int]
) -> None:
    key = add_broadcast(harness, status, status)
    mine, others = message_key(key, 0), message_key(key, 1)

    done = broadcaster.contacts.erase("0812-0000-0000")

    nothing = {"contact": False, "messages": 1, "cancelled": 0, "under_way": 0, "pending": 0}
    assert done.model_dump(by_alias=False, exclude={"drafts", "unread_drafts"}) == nothing | report
    assert is_blank(harness, mine)
    assert harness.message(mine)["status"] == after
    assert harness.message(mine)["reason"] == ("erased" if "cancelled" in report else None)
    assert (harness.message(others)["number"], harness.message(others)["status"]) == (OTHER, status)
    harness.check_counters(key)


@pytest.mark.parametrize(
    ("ending", "after", "reason"),
    [
        pytest.param(M.SENT, M.SENT, None, id="it-had-left"),
        pytest.param(M.QUEUED, M.CANCELLED, "erased", id="it-was-dropped"),
        pytest.param(M.RETRY, M.CANCELLED, "erased", id="it-failed-for-now"),
        pytest.param(M.FAILED, M.FAILED, None, id="it-failed"),
    ],
)
def test_a_message_that_was_being_sent_keeps_its_outcome(
    broadcaster: Broadcaster, harness: StoreHarness, ending: MessageStatus, after: MessageStatus, reason: str | None
) -> None:
    key = add_broadcast(harness, M.PROCESSING, M.SENT)
    broadcaster.contacts.erase(PERSON)

    harness.record(Outcome(message_key(key, 0), ending))

    row = harness.message(message_key(key, 0))
    assert (row["status"], row["reason"], row["number"]) == (after, reason, None)
    harness.check_counters(key)
    assert harness.broadcast(key)["status"] == "completed"


def test_messages_of_an_erased_person_are_not_sent_again(broadcaster: Broadcaster, harness: StoreHarness) -> None:
    failed, unknown = add_broadcast(harness, M.FAILED, M.FAILED), add_broadcast(harness, M.UNKNOWN, M.UNKNOWN)
    crashed = add_broadcast(harness, M.PROCESSING, M.SENT)
    broadcaster.contacts.erase(PERSON)
    with harness.unit() as unit:
        lost = [(message_key(crashed, 0), M.UNKNOWN, "crash", harness.now)]
        claim_store.settle_claims(unit.conn, lost, worker_id=1, changes=unit.changes)

    broadcaster.retry(harness.broadcast(failed)["job_id"])
    broadcaster.retry(harness.broadcast(unknown)["job_id"], status=M.UNKNOWN)
    with harness.unit() as unit:
        assert unknown_store.release_unknown(unit.conn, now=harness.now, limit=10, changes=unit.changes) == 0

    statuses = {key: harness.message(message_key(key, 0))["status"] for key in (failed, unknown, crashed)}
    assert statuses == {failed: M.FAILED, unknown: M.UNKNOWN, crashed: M.UNKNOWN}
    assert (
        harness.message(message_key(failed, 1))["status"]
        == harness.message(message_key(unknown, 1))["status"]
        == "queued"
    )
    for key in statuses:
        harness.check_counters(key)


def test_the_words_of_the_provider_are_erased_with_each_attempt(
    broadcaster: Broadcaster, harness: StoreHarness
) -> None:
    key = add_broadcast(harness, M.SENT, M.SENT)
    words = f"{PERSON} has no account"
    with harness.unit() as unit:
        unit.conn.execute(text("UPDATE messages SET detail = :words"), {"words": words})
        attempt_store.add_attempts(
            unit.conn,
            [
                NewAttempt(message_key(key, place), 1, harness.now, None, AttemptOutcome.RETRY, "busy", words)
                for place in (0, 1)
            ],
        )

    broadcaster.contacts.erase(PERSON)

    for place, detail in ((0, None), (1, words)):
        with harness.unit() as unit:
            [attempt] = attempt_store.attempts_of(unit.conn, message_key(key, place))
        assert (attempt["reason"], attempt["detail"]) == ("busy", detail)
        assert harness.message(message_key(key, place))["detail"] == detail


def test_messages_that_the_preparation_skipped_are_found_too(broadcaster: Broadcaster) -> None:
    broadcaster.blacklist.add(PERSON, reason="asked by mail")
    message = {"type": "text", "text": "Halo {{ name }}"}
    people = [{"number": PERSON, "name": "Budi"}, {"number": OTHER, "name": "Ani"}, {"number": "salah", "name": "X"}]
    job_id = broadcaster.submit({"name": "Test", "message": message}, people).job_id
    with broadcaster.context.database.read() as conn:
        broadcaster.handlers.prepare(conn.execute(text("SELECT max(id) FROM broadcasts")).scalar_one())
    before = broadcaster.status(job_id)

    report = broadcaster.contacts.erase(PERSON)

    assert (report.messages, report.cancelled) == (1, 0)
    shown = [(view.number, view.name, view.reason) for view in broadcaster.messages(job_id).items]
    assert shown == [("", None, "blacklisted"), (OTHER, "Ani", None), ("salah", "X", "invalid_number")]
    assert broadcaster.status(job_id) == before


def test_the_number_stays_while_the_audience_is_read_to_refuse_a_duplicate(
    broadcaster: Broadcaster, harness: StoreHarness
) -> None:
    key = add_broadcast(harness, M.SENT, M.QUEUED, prepared=False)

    first = broadcaster.contacts.erase(PERSON)
    row = harness.message(message_key(key, 0))
    assert (first.messages, first.pending) == (1, 1)
    assert (row["number"], row["name"], row["variables"]) == (PERSON, None, None)
    with harness.unit() as unit:  # a later row with the same number
        assert insert_messages(unit.conn, [new_message(key, 7, PERSON)]) == set()

    harness.end_preparing(key)
    second = broadcaster.contacts.erase(PERSON)

    assert (second.messages, second.pending) == (1, 0)
    assert is_blank(harness, message_key(key, 0))


def test_messages_are_erased_in_steps(
    broadcaster: Broadcaster, harness: StoreHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(erasure, "STEP", 2)
    keys = [add_broadcast(harness, M.QUEUED, M.QUEUED) for _ in range(5)]

    report = broadcaster.contacts.erase(PERSON)

    assert (report.messages, report.cancelled) == (5, 5)
    for key in keys:
        harness.check_counters(key)


def test_a_broadcast_whose_last_message_is_erased_is_complete_and_plugins_are_notified(
    broadcaster: Broadcaster, harness: StoreHarness
) -> None:
    statuses: list[str] = []

    class Listener:
        @hookimpl
        def wab_broadcast_changed(self, broadcast: BroadcastSummary) -> None:
            statuses.append(broadcast.status)

    listener = Listener()
    broadcaster.plugins._manager.register(listener)
    key = add_broadcast(harness, M.QUEUED, M.SENT)

    broadcaster.contacts.erase(PERSON)
    broadcaster.plugins._manager.unregister(listener)

    assert statuses == ["completed"]
    assert harness.broadcast(key)["status"] == "completed"


# --- the person ------------------------------------------------------------------------------------------------


def test_a_contact_is_deleted_and_its_opt_out_stays(broadcaster: Broadcaster) -> None:
    broadcaster.contacts.save({"number": PERSON, "name": "Budi", "tags": ["vip"]})
    broadcaster.blacklist.add(PERSON, reason="asked by mail")

    report = broadcaster.contacts.erase("0812 0000 0000", actor="dewi")

    assert report == ErasureReport(contact=True, messages=0, cancelled=0, under_way=0, pending=0)
    assert broadcaster.contacts.list().total == 0
    assert [(tag.name, tag.contacts) for tag in broadcaster.tags.list()] == [("vip", 0)]
    assert [entry.reason for entry in broadcaster.blacklist.list(query=PERSON).items] == ["asked by mail"]
    assert [act.act for act in broadcaster.blacklist.history(PERSON)] == ["opt_out"]


def test_an_erasure_is_recorded_once_and_without_the_number(broadcaster: Broadcaster) -> None:
    broadcaster.contacts.save({"number": PERSON})
    broadcaster.contacts.erase(PERSON, actor="dewi")
    again = broadcaster.contacts.erase(PERSON, actor="dewi")

    with broadcaster.context.database.read() as conn:
        erased = select(acts.c.act, acts.c.actor, acts.c.detail).where(acts.c.act == "erase")
        recorded = conn.execute(erased).all()

    assert [tuple(act) for act in recorded] == [("erase", "dewi", "0 messages")]
    assert (again.contact, again.messages) == (False, 0)


def test_an_invalid_number_cannot_be_erased(broadcaster: Broadcaster) -> None:
    assert not broadcaster.contacts.erase("+551187654321").contact  # a WhatsApp id outside the number plans

    with pytest.raises(NumberError):
        broadcaster.contacts.erase("no number")
