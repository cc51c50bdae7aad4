"""The use cases of broadcasts, on both stores."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.errors import NotFoundError
from wabroadcast_core.services.batches import _state_of
from wabroadcast_core.services.lookups import broadcast_row
from wabroadcast_core.store import messages as message_store


@pytest.fixture
def broadcaster(shared: Broadcaster) -> Broadcaster:
    return shared


def test_broadcasts_are_searched_by_a_part_of_the_name_and_by_the_beginning_of_the_job_id(
    broadcaster: Broadcaster,
) -> None:
    people = [{"number": "0812-0000-1001"}]
    promo, news = (
        broadcaster.submit({"name": name, "message": {"type": "text", "text": "Halo"}}, recipients=people)
        for name in ("Promo 100%", "News")
    )

    def found(query: str) -> set[str]:
        return {item.job_id for item in broadcaster.list(query=query).items}

    assert found("promo") == found("100%") == {promo.job_id}
    assert found(promo.job_id) == found(promo.job_id[:13].upper()) == {promo.job_id}
    assert found(news.job_id[:13]) == {news.job_id}
    assert found(news.job_id[1:]) == found("%") - {promo.job_id} == set()


def test_broadcasts_are_found_by_the_beginning_of_the_job_id_alone(broadcaster: Broadcaster) -> None:
    people = [{"number": "0812-0000-1001"}]
    job = broadcaster.submit({"name": "abc", "message": {"type": "text", "text": "Halo"}}, recipients=people)

    def found(prefix: str) -> list[str]:
        return [item.job_id for item in broadcaster.list(id_prefix=prefix).items]

    assert found(job.job_id[:1]) == found(job.job_id[:9].upper()) == found(job.job_id) == [job.job_id]
    assert found("abc-") == found(job.job_id[1:]) == found("%") == found("_") == []


def _prepared(broadcaster: Broadcaster, recipients: list[dict[str, str]] | None = None, **fields: Any) -> str:
    """Submit a broadcast and prepare it, without a worker. Return its job id."""
    draft = {"name": "A", "message": {"type": "text", "text": "Halo"}, **fields}
    job_id = broadcaster.submit(draft, recipients).job_id
    with broadcaster.context.database.read() as conn:
        key = broadcast_row(conn, job_id)["id"]
    broadcaster.handlers.prepare(key)
    return job_id


def _people(count: int) -> list[dict[str, str]]:
    return [{"number": f"0812-0000-10{place:02}"} for place in range(count)]


def test_messages_are_paged_by_number_with_their_total(broadcaster: Broadcaster) -> None:
    job_id = _prepared(broadcaster, _people(5))

    pages = [broadcaster.messages(job_id, page=number, limit=2) for number in (1, 2, 3, 4)]

    places = [[message.message_id.rpartition("-")[2] for message in page.items] for page in pages]
    assert places == [["0", "1"], ["2", "3"], ["4"], []]
    assert [(page.total, page.page, page.page_size) for page in pages] == [(5, number, 2) for number in (1, 2, 3, 4)]


def test_messages_have_the_rows_of_their_file_if_asked_for(broadcaster: Broadcaster) -> None:
    upload = broadcaster.uploads.save([b"Nama,HP\nBudi,081200001001\n\nSiti,081200001002\n"])
    job_id = _prepared(broadcaster, source={"type": "csv", "uploadId": upload.upload_id})

    assert [message.row for message in broadcaster.messages(job_id, with_rows=True).items] == [2, 4]
    assert [message.row for message in broadcaster.messages(job_id).items] == [None, None]


def test_the_messages_to_a_number_have_the_rows_of_their_file_if_asked_for(broadcaster: Broadcaster) -> None:
    upload = broadcaster.uploads.save([b"Nama,HP\nBudi,081200001001\nSiti,081200001002\nBudi,081200001001\n"])
    job_id = _prepared(broadcaster, source={"type": "csv", "uploadId": upload.upload_id})

    found = broadcaster.messages_to("0812-0000-1001", job_id=job_id, with_rows=True)

    assert [message.row for message in found.items] == [4, 2]
    assert [message.row for message in broadcaster.messages_to("0812-0000-1001", job_id=job_id).items] == [None, None]


@pytest.mark.parametrize("part", [1, 3, message_store.COUNTED_AT_ONCE])
def test_the_batches_of_a_broadcast_are_counted_without_those_that_are_skipped(
    broadcaster: Broadcaster, part: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(message_store, "COUNTED_AT_ONCE", part)
    people = [*_people(4), {"number": "12"}, *_people(6)[4:]]
    job_id = _prepared(broadcaster, people, batching={"size": 2, "intervalSeconds": 600})

    batches = broadcaster.batches(job_id).items
    second = broadcaster.batches(job_id, page=2, page_size=2)

    assert [batch.state for batch in batches] == ["released", "waiting", "waiting", "waiting"]
    assert [(batch.size, batch.counts) for batch in batches] == [(n, {"queued": n}) for n in (2, 2, 1, 1)]
    assert (second.items, second.total) == (batches[2:], 4)

    broadcaster.pause_message(job_id, broadcaster.messages(job_id).items[1].message_id)
    assert list(broadcaster.batches(job_id).items[0].counts) == ["paused", "queued"]


def test_each_batch_that_waits_is_released_an_interval_after_the_one_before(broadcaster: Broadcaster) -> None:
    job_id = _prepared(broadcaster, _people(6), batching={"size": 2, "intervalSeconds": 600})

    first, *others = [batch.releases_at for batch in broadcaster.batches(job_id).items]
    broadcaster.pause(job_id)

    assert first is None
    assert others[0] is not None
    assert others[0] > datetime.now(UTC) + timedelta(seconds=500)
    assert others[1] == others[0] + timedelta(seconds=600)
    assert [batch.releases_at for batch in broadcaster.batches(job_id).items] == [None] * 3  # a pause moves them


def test_a_broadcast_without_batches_has_an_empty_list_of_them(broadcaster: Broadcaster) -> None:
    people = [{"number": "0812-0000-1001"}]
    job = broadcaster.submit({"name": "A", "message": {"type": "text", "text": "Halo"}}, recipients=people)

    assert broadcaster.batches(job.job_id).items == []
    with pytest.raises(NotFoundError):
        broadcaster.batches(job.job_id[:8])


@pytest.mark.parametrize(
    ("counts", "waiting", "state"),
    [
        pytest.param({"sent": 2, "cancelled": 1}, False, "ended", id="all-final"),
        pytest.param({"cancelled": 2}, True, "cancelled", id="all-cancelled"),
        pytest.param({"paused": 2, "sent": 1}, False, "paused", id="the-rest-is-paused"),
        pytest.param({"paused": 1, "queued": 1}, True, "waiting", id="one-is-paused"),
        pytest.param({"queued": 1}, False, "released", id="released"),
        pytest.param({"retry": 1, "sent": 1}, False, "released", id="a-retry-is-open"),
        pytest.param({"unknown": 1}, False, "ended", id="unknown-is-final"),
    ],
)
def test_the_state_of_a_batch_follows_from_its_messages(counts: dict[str, int], *, waiting: bool, state: str) -> None:
    assert _state_of(counts, waiting=waiting) == state
