"""All that is shown of one broadcast, and the counts of all of them; on both stores."""

from typing import Any

import pytest
from sqlalchemy import insert, select, update

from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.errors import InvalidInputError, NotFoundError
from wabroadcast_core.models.base import as_utc
from wabroadcast_core.models.status import BroadcastStatus
from wabroadcast_core.services.lookups import broadcast_row
from wabroadcast_core.store import message_pages
from wabroadcast_core.store.messages import message_key
from wabroadcast_core.store.tables import attempts, broadcast_connections, broadcasts, failure_counts, messages

PEOPLE = [{"number": f"0812-0000-10{place:02}", "name": f"Budi {place}"} for place in range(7)]
DRAFT = {"name": "Promo", "message": {"type": "text", "text": "Halo"}}


@pytest.fixture
def broadcaster(shared: Broadcaster) -> Broadcaster:
    return shared


@pytest.fixture
def job_id(broadcaster: Broadcaster) -> str:
    """A broadcast that was prepared, without a worker. One of its people is there twice."""
    job = broadcaster.submit(DRAFT, [*PEOPLE, PEOPLE[0]]).job_id
    broadcaster.handlers.prepare(_key_of(broadcaster, job))
    return job


def _key_of(broadcaster: Broadcaster, job_id: str) -> int:
    with broadcaster.context.database.read() as conn:
        return int(broadcast_row(conn, job_id)["id"])


def _change(broadcaster: Broadcaster, job_id: str, position: int, **values: Any) -> None:
    key = message_key(_key_of(broadcaster, job_id), position)
    with broadcaster.context.database.write() as conn:
        conn.execute(update(messages).where(messages.c.id == key).values(**values))


def _found(broadcaster: Broadcaster, job_id: str, **chosen: Any) -> list[int]:
    people = broadcaster.inspect(job_id, chosen).people
    return [int(one.message_id.rpartition("-")[2]) for one in people.items]


def test_an_inspection_has_what_the_single_calls_return(broadcaster: Broadcaster, job_id: str) -> None:
    found = broadcaster.inspect(job_id)

    status = broadcaster.status(job_id)
    assert found.progress.model_copy(update={"version": ""}) == status.model_copy(update={"version": ""})
    assert found.detail == broadcaster.get(job_id)
    assert found.rates.items == broadcaster.rates(job_id).items
    assert found.people.items == broadcaster.messages(job_id, limit=50).items
    assert (found.failures, found.unknown_since) == ([], None)


@pytest.mark.parametrize("spelling", ["+62 812-0000-1000", "0812 0000 1000", "6281200001000", "(0812) 0000.1000"])
def test_people_are_found_by_their_number_however_it_is_written(
    broadcaster: Broadcaster, job_id: str, spelling: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(message_pages, "SEARCHED", 1)

    assert _found(broadcaster, job_id, query=spelling) == [7, 0]
    assert _found(broadcaster, job_id, query=spelling, status="queued") == [0]


def test_people_are_found_by_name_status_reason_and_receipt(broadcaster: Broadcaster, job_id: str) -> None:
    _change(broadcaster, job_id, 2, status="failed", reason="131049")
    _change(broadcaster, job_id, 3, status="sent", delivered_at=5.0)
    _change(broadcaster, job_id, 4, status="sent", delivered_at=5.0, read_at=6.0)

    assert _found(broadcaster, job_id, query="bUdI 3") == _found(broadcaster, job_id, query="1003") == [3]
    assert _found(broadcaster, job_id, status="failed") == _found(broadcaster, job_id, reason="131049") == [2]
    assert _found(broadcaster, job_id, receipt="delivered") == [3, 4]
    assert _found(broadcaster, job_id, receipt="read", status="sent") == [4]
    assert [one.name for one in broadcaster.messages(job_id, receipt="read").items] == ["Budi 4"]  # type: ignore[arg-type]
    assert b"".join(broadcaster.report(job_id, receipt="read")).count(b"\n") == 2  # type: ignore[arg-type]
    with pytest.raises(InvalidInputError):
        broadcaster.inspect(job_id, {"receipt": "lost"})


def test_a_search_reads_a_part_of_the_audience_and_goes_on_from_there(
    broadcaster: Broadcaster, job_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(message_pages, "SEARCHED", 3)
    places, cursor = [], None
    while True:
        people = broadcaster.inspect(job_id, {"query": "Budi 6"}, cursor=cursor).people
        places.append([one.name for one in people.items])
        if (cursor := people.next_cursor) is None:
            break

    assert places == [[], [], ["Budi 6"]]
    pages = [broadcaster.inspect(job_id, limit=2).people]
    while pages[-1].next_cursor:
        pages.append(broadcaster.inspect(job_id, cursor=pages[-1].next_cursor, limit=2).people)
    assert [one.message_id for page in pages for one in page.items] == [f"{job_id}-{place}" for place in range(8)]
    with pytest.raises(NotFoundError):
        broadcaster.inspect(job_id, cursor="another-1")


def test_failures_are_explained_and_those_without_an_entry_have_the_words_of_the_provider(
    broadcaster: Broadcaster, job_id: str
) -> None:
    _change(broadcaster, job_id, 2, status="failed", reason="E-77", detail="the <b>provider</b> says no")
    key = _key_of(broadcaster, job_id)
    with broadcaster.context.database.write() as conn:
        amounts = [{"reason": "rejected", "messages": 2}, {"reason": "E-77", "messages": 1}]
        conn.execute(insert(failure_counts), [{"broadcast_id": key, **amount} for amount in amounts])

    known, foreign = broadcaster.inspect(job_id, language="id").failures

    assert (known.code, known.messages, known.words) == ("rejected", 2, None)
    assert known.explanation.meaning == broadcaster.reasons.explain("rejected", language="id").meaning
    assert (foreign.code, foreign.words) == ("E-77", "the <b>provider</b> says no")


def test_the_time_since_which_outcomes_are_unknown_is_that_of_the_first_attempt(
    broadcaster: Broadcaster, job_id: str
) -> None:
    key = _key_of(broadcaster, job_id)
    with broadcaster.context.database.write() as conn:
        conn.execute(update(broadcasts).where(broadcasts.c.id == key).values(unknown=2))
        pool = conn.execute(select(broadcast_connections.c.connection_id)).scalar_one()
        unknown = update(messages).where(messages.c.id.in_([message_key(key, 0), message_key(key, 1)]))
        conn.execute(unknown.values(status="unknown", connection_id=pool))
        conn.execute(
            insert(attempts),
            [
                {
                    "message_id": message_key(key, place),
                    "attempt": 1,
                    "at": at,
                    "reason": "no_answer",
                    "outcome": "unknown",
                }
                for place, at in ((0, 1_000.0), (1, 500.0), (2, 100.0))
            ],
        )

    assert broadcaster.inspect(job_id).unknown_since == as_utc(500.0)


def test_the_index_has_a_page_and_the_numbers_of_the_whole_selection(broadcaster: Broadcaster, job_id: str) -> None:
    other = broadcaster.submit({**DRAFT, "name": "News"}, PEOPLE).job_id
    broadcaster.pause(other)

    found = broadcaster.index()

    assert found.page == broadcaster.list()
    assert (found.counts[BroadcastStatus.PAUSED], sum(found.counts.values())) == (1, 2)
    paused = broadcaster.index(statuses={BroadcastStatus.PAUSED})
    assert ([one.job_id for one in paused.page.items], paused.page.total) == ([other], 1)
    assert paused.counts == found.counts
    assert sum(broadcaster.index(query="news").counts.values()) == 1
    assert broadcaster.index(connection="another").page.total == 0
    assert broadcaster.index(page=2, page_size=1).page.items == broadcaster.list(page=2, page_size=1).items
