"""Tests and rehearsals of a broadcast: what is refused at once, and what no list and no count has; on both stores."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest
from pydantic import HttpUrl

from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.errors import (
    BroadcastError,
    ConflictError,
    InvalidInputError,
    NotFoundError,
    TemplateError,
)
from wabroadcast_core.live.feed import LiveFeed
from wabroadcast_core.models.broadcast import LiveOverview
from wabroadcast_core.models.message_detail import MessageDetail

MINE = "+6281200009999"
PEOPLE: list[dict[str, Any]] = [
    {"number": "0812-0000-1001", "name": "Budi", "variables": {"kode": "A1"}},
    {"number": "0812-0000-1002", "name": "Siti", "variables": {"kode": "B2"}},
    {"number": "0812-0000-1003", "name": "Ayu"},
]
TEXT = "Halo {{ name }} {{ number }}, kode {{ kode }}"


@pytest.fixture
def broadcaster(shared: Broadcaster) -> Broadcaster:
    return shared


def body(**fields: Any) -> dict[str, Any]:
    return {"name": "Promo", "message": {"type": "text", "text": TEXT}, **fields}


def send_test(broadcaster: Broadcaster, *, number: str = MINE, people: Any = PEOPLE, **fields: Any) -> MessageDetail:
    test = {"number": number} | {name: fields.pop(name) for name in ("as_number", "as_row") if name in fields}
    return broadcaster.send_test(body(**fields), people, test=test)


@contextmanager
def refused_at(path: str) -> Iterator[pytest.ExceptionInfo[InvalidInputError]]:
    with pytest.raises(InvalidInputError) as refused:
        yield refused
    assert [fault.path for fault in refused.value.faults] == [path]


@pytest.mark.parametrize(
    ("chosen", "text"),
    [
        pytest.param({}, "Halo Budi +6281200001001, kode A1", id="the-first-by-default"),
        pytest.param({"as_number": "0812 0000 1002"}, "Halo Siti +6281200001002, kode B2", id="by-number"),
        pytest.param({"as_row": 2}, "Halo Siti +6281200001002, kode B2", id="by-place"),
    ],
)
def test_a_test_is_rendered_for_the_chosen_recipient_and_goes_to_another_number(
    broadcaster: Broadcaster, chosen: dict[str, Any], text: str
) -> None:
    sent = send_test(broadcaster, **chosen)

    assert (sent.number, sent.status, sent.text) == (MINE, "queued", text)


@pytest.mark.parametrize("chosen", [{"as_row": 4}, {"as_number": "0812-0000-1002"}])
def test_the_recipient_of_a_file_is_found_by_number_or_by_the_row_of_the_file(
    broadcaster: Broadcaster, chosen: dict[str, Any]
) -> None:
    upload = broadcaster.uploads.save([b"Nama,HP,Kode\nBudi,081200001001,A1\n\nSiti,081200001002,B2\n"])

    sent = send_test(broadcaster, people=None, source={"type": "csv", "uploadId": upload.upload_id}, **chosen)

    assert sent.text == "Halo Siti +6281200001002, kode B2"


def test_a_body_without_an_audience_is_rendered_for_the_number_itself(broadcaster: Broadcaster) -> None:
    plain = {"type": "text", "text": "Halo {{ number }}"}

    assert send_test(broadcaster, people=None, message=plain).text == f"Halo {MINE}"
    with refused_at("message") as refused:
        send_test(broadcaster, people=None)
    assert "name" in str(refused.value)


def test_what_delays_a_broadcast_does_not_delay_its_test(broadcaster: Broadcaster) -> None:
    fields: dict[str, Any] = {
        "scheduledAt": "2020-01-01T08:00:00+07:00",  # is over: no fault either
        "holdSeconds": 600,
        "batching": {"size": 1, "intervalSeconds": 3600},
        "sendWindow": {"from": "00:00", "to": "00:01"},
        "priority": "low",
    }

    sent = send_test(broadcaster, **fields)

    assert sent.waiting_for is not None
    assert sent.waiting_for.code == "no_worker"  # and no cause of the body


def test_the_send_window_of_the_connection_holds_for_a_test(broadcaster: Broadcaster) -> None:
    closed = {"from": "00:00", "to": "00:01"}
    broadcaster.connections.save("night", {"sender": "sandbox", "sendWindow": closed})

    sent = send_test(broadcaster, connection="night")

    assert sent.waiting_for is not None
    assert sent.waiting_for.code == "send_window"
    assert sent.waiting_for.until is not None


@pytest.mark.parametrize("pool", [["sandbox"], ["sandbox", "second"]])
def test_a_test_to_a_number_that_has_opted_out_is_refused_with_the_reason(
    broadcaster: Broadcaster, pool: list[str]
) -> None:
    broadcaster.connections.save("second", {"sender": "sandbox"})
    broadcaster.blacklist.add("0812-0000-9999", reason="asked by phone")

    with refused_at("test.number") as refused:
        send_test(broadcaster, number="0812-0000-9999", connection=pool)

    assert "asked by phone" in str(refused.value)
    assert broadcaster.activity.list(action="send_test").items == []


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        pytest.param({"number": "123"}, "test.number", id="no-number"),
        pytest.param({"as_number": "0812-0000-7777"}, "test.asNumber", id="number-of-no-recipient"),
        pytest.param({"as_row": 4}, "test.asRow", id="row-of-no-recipient"),
        pytest.param({"as_row": 3}, "message", id="variable-that-this-recipient-lacks"),
        pytest.param({"people": []}, "source", id="empty-audience"),
        pytest.param({"connection": "none"}, "connection", id="no-such-connection"),
    ],
)
def test_a_test_that_cannot_be_sent_is_refused_at_its_cause(
    broadcaster: Broadcaster, fields: dict[str, Any], path: str
) -> None:
    with refused_at(path):
        send_test(broadcaster, **fields)


def test_a_test_names_one_recipient_and_a_valid_text(broadcaster: Broadcaster) -> None:
    with pytest.raises(InvalidInputError, match="asNumber or asRow"):
        send_test(broadcaster, as_row=1, as_number=MINE)
    with pytest.raises(TemplateError):
        send_test(broadcaster, message={"type": "text", "text": "Halo {{ name"})


def test_a_test_through_a_paused_connection_is_refused_unless_another_of_its_pool_works(
    broadcaster: Broadcaster,
) -> None:
    broadcaster.connections.save("second", {"sender": "sandbox"})
    broadcaster.connections.pause("sandbox")

    with pytest.raises(ConflictError, match="resume one"):
        send_test(broadcaster, connection="sandbox")
    assert send_test(broadcaster, connection=["sandbox", "second"]).status == "queued"


def test_a_test_is_no_broadcast_to_any_call(broadcaster: Broadcaster) -> None:
    test_id = send_test(broadcaster).job_id
    calls: list[Any] = [
        broadcaster.status,
        broadcaster.get,
        broadcaster.messages,
        broadcaster.batches,
        broadcaster.report,
        broadcaster.rates,
        broadcaster.pause,
        broadcaster.resume,
        broadcaster.cancel,
        broadcaster.retry,
        broadcaster.undo,
        broadcaster.drafts.copy,
        lambda job_id: broadcaster.live.listen(job_id, wake=list),
        lambda job_id: broadcaster.callbacks.list(job_id=job_id),
        lambda job_id: broadcaster.reschedule(job_id, {"name": "B"}),
        lambda job_id: broadcaster.message(job_id, f"{job_id}-0"),
        lambda job_id: broadcaster.cancel_message(job_id, f"{job_id}-0"),
        lambda job_id: broadcaster.messages_to(MINE, job_id=job_id),
    ]

    for call in calls:
        with pytest.raises(NotFoundError):
            call(test_id)
    assert broadcaster.list().total == 0
    assert broadcaster.list(id_prefix=test_id[:8]).items == []
    assert broadcaster.messages_to(MINE).items == broadcaster.messages_to("+6281200001001").items == []
    assert broadcaster.drafts.list().total == 0
    assert broadcaster.test_result(test_id).status == "queued"


def test_live_progress_of_all_that_runs_leaves_tests_out_and_marks_rehearsals(broadcaster: Broadcaster) -> None:
    send_test(broadcaster)
    rehearsal = broadcaster.rehearse(body(), PEOPLE)

    with closing(LiveFeed(broadcaster.context)) as feed:
        event = feed.listen(wake=list).take()

    assert event is not None
    assert isinstance(event.content, LiveOverview)
    assert [(shown.job_id, shown.purpose) for shown in event.content.broadcasts] == [(rehearsal.job_id, "rehearsal")]
    assert event.content.total == 1


@pytest.mark.parametrize(
    "of_body",
    [
        pytest.param({}, id="by-the-settings"),
        pytest.param({"callbackUrl": "https://main.example/events"}, id="by-the-body"),
        pytest.param({"callbackEvents": ["message.results", "broadcast.changed"]}, id="what-the-body-chooses"),
    ],
)
def test_neither_a_test_nor_a_rehearsal_calls_back(
    broadcaster: Broadcaster, monkeypatch: pytest.MonkeyPatch, of_body: dict[str, Any]
) -> None:
    monkeypatch.setattr(broadcaster.settings, "callback_url", HttpUrl("https://main.example/all"))
    broadcaster.cancel_test(send_test(broadcaster, **of_body).job_id)
    rehearsal = broadcaster.rehearse(body(**of_body), PEOPLE)
    broadcaster.cancel(rehearsal.job_id)
    job = broadcaster.submit(body(**of_body), PEOPLE)

    assert [event.job_id for event in broadcaster.callbacks.list().items] == [job.job_id]


def test_a_test_needs_no_address_for_the_callbacks_of_its_body(broadcaster: Broadcaster) -> None:
    assert send_test(broadcaster, callbackEvents=["broadcast.changed"]).status == "queued"


def test_a_broadcast_is_no_test(broadcaster: Broadcaster) -> None:
    job_id = broadcaster.submit(body(), PEOPLE).job_id

    for call in (broadcaster.test_result, broadcaster.cancel_test):
        with pytest.raises(NotFoundError):
            call(job_id)


def test_the_activity_shows_who_sent_a_test_and_no_other_act_on_it(broadcaster: Broadcaster) -> None:
    sent = broadcaster.send_test(body(), PEOPLE, test={"number": MINE}, actor="budi")
    broadcaster.cancel_test(sent.job_id)

    [act] = broadcaster.activity.list().items

    assert (act.actor, act.action, act.object, act.object_id) == ("budi", "send_test", "connection", "sandbox")
    assert act.detail == sent.job_id


def test_a_cancelled_test_is_never_sent(broadcaster: Broadcaster) -> None:
    test_id = send_test(broadcaster).job_id

    assert broadcaster.cancel_test(test_id).status == "cancelled"
    assert not broadcaster.has_due_work()
    with pytest.raises(ConflictError):
        broadcaster.cancel_test(test_id)


def test_a_repeated_key_is_the_same_test_and_of_no_submit_or_rehearsal(broadcaster: Broadcaster) -> None:
    def keyed(**test: Any) -> str:
        sent = broadcaster.send_test(body(), PEOPLE, test={"number": MINE, **test}, idempotency_key="k")
        return sent.job_id

    first = keyed()

    assert keyed() == first
    for other in ({"as_row": 2}, {"number": "0812-0000-8888"}):
        with pytest.raises(ConflictError):
            keyed(**other)
    job = broadcaster.submit(body(), PEOPLE, idempotency_key="k")
    rehearsal = broadcaster.rehearse(body(), PEOPLE, idempotency_key="k")
    assert len({first, job.job_id, rehearsal.job_id}) == 3
    assert broadcaster.rehearse(body(), PEOPLE, idempotency_key="k").job_id == rehearsal.job_id


@pytest.mark.parametrize("erased", [MINE, "+6281200001001"], ids=["whom-it-is-sent-to", "whom-it-is-rendered-for"])
def test_an_erasure_reaches_the_tests_of_a_person(broadcaster: Broadcaster, erased: str) -> None:
    test_id = send_test(broadcaster).job_id

    report = broadcaster.contacts.erase(erased)

    result = broadcaster.test_result(test_id)
    assert (report.messages, report.cancelled) == (1, 1)
    assert (result.status, result.number, result.name, result.text, result.variables) == (
        *("cancelled", "", None, None),
        {},
    )


def test_a_rehearsal_goes_through_a_simulated_connection_whatever_the_body_names(broadcaster: Broadcaster) -> None:
    token = {"token": "t" * 32}
    broadcaster.connections.save("real", {"sender": "fonnte", "settings": token})
    broadcaster.connections.save("played", {"sender": "sandbox"})
    broadcaster.connections.set_default("real")

    def rehearsed_through(**fields: Any) -> list[str]:
        return broadcaster.rehearse(body(**fields), PEOPLE).connection

    assert rehearsed_through() == rehearsed_through(connection="real") == ["sandbox"]
    assert rehearsed_through(connection=["real", "played"]) == ["played"]


def test_a_rehearsal_is_marked_starts_now_and_states_its_test_numbers(broadcaster: Broadcaster) -> None:
    later = {
        "scheduledAt": "2999-01-01T08:00:00+07:00",
        "holdSeconds": 600,
        "sendWindow": {"from": "00:00", "to": "00:01"},
        "callbackUrl": "https://main.example/events",
        "callbackEvents": ["broadcast.changed"],
    }

    rehearsal = broadcaster.rehearse(body(**later), PEOPLE, actor="budi")

    assert (rehearsal.purpose, rehearsal.status, rehearsal.scheduled_at) == ("rehearsal", "queued", None)
    assert "opted out" in rehearsal.test_numbers["+18675550104"]
    detail = broadcaster.get(rehearsal.job_id)
    assert (detail.purpose, detail.send_window, detail.callback_url) == ("rehearsal", None, None)
    assert [(act.actor, act.act) for act in detail.acts] == [("budi", "rehearse")]
    [listed] = broadcaster.list().items
    assert listed.purpose == "rehearsal"
    assert broadcaster.submit(body(), PEOPLE).purpose == "broadcast"


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        pytest.param({"connection": "none"}, "connection", id="no-such-connection"),
        pytest.param({"scheduledAt": "2020-01-01T08:00:00+07:00"}, "scheduledAt", id="time-that-is-over"),
        pytest.param(
            {"connection": "real", "message": {"type": "template", "template": {"name": "a", "language": "id"}}},
            "message.type",
            id="type-that-the-real-connection-cannot-send",
        ),
    ],
)
def test_a_rehearsal_finds_what_a_submit_would_refuse(
    broadcaster: Broadcaster, fields: dict[str, Any], path: str
) -> None:
    broadcaster.connections.save("real", {"sender": "fonnte", "settings": {"token": "t" * 32}})

    with refused_at(path):
        broadcaster.rehearse(body(**fields), PEOPLE)


def test_a_rehearsal_without_a_simulated_connection_is_refused_with_the_way_out(broadcaster: Broadcaster) -> None:
    broadcaster.connections.save("sandbox", {"sender": "fonnte", "settings": {"token": "t" * 32}})

    with refused_at("connection") as refused:
        broadcaster.rehearse(body(), PEOPLE)

    assert "wabroadcast connections set" in str(refused.value)
    assert isinstance(refused.value, BroadcastError)
