"""What was handed in is deleted some days after its last use, and not before."""

import asyncio
import threading
from typing import Any

import pytest

from tests.stores import ON_SQLITE
from tests.waiting import wait_for
from wabroadcast_core import Settings, Worker
from wabroadcast_core.audience.submission import Submission
from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.clock import SystemClock
from wabroadcast_core.errors import ConflictError, InvalidInputError, NotFoundError
from wabroadcast_core.recovery.retention import DAY_SECONDS, Retention
from wabroadcast_core.store.group_commit import GroupCommit
from wabroadcast_core.store.retention import CHUNKS_AT_ONCE
from wabroadcast_core.store.tables import import_rejections, upload_chunks, uploads

pytestmark = [ON_SQLITE, pytest.mark.slow]

TEXT = {"type": "text", "text": "Halo"}
PEOPLE = b"nama,hp\nBudi,081200001001\nSiti,0812x\n"
DAYS = 7


def _delete_old(broadcaster: Broadcaster, *, days_later: float) -> None:
    async def run() -> None:
        database = broadcaster.context.database
        commits = GroupCommit(database, SystemClock(), threads=1, completed=lambda _: None, opted_out=lambda _: None)
        try:
            now = broadcaster.context.clock.now() + days_later * DAY_SECONDS
            await Retention(commits, days=DAYS, callback_days=DAYS).delete_old(now=now)
        finally:
            commits.close()

    asyncio.run(run())


def _upload(broadcaster: Broadcaster, data: bytes = PEOPLE) -> str:
    return broadcaster.uploads.save([data], filename="a.csv").upload_id


def _kept(broadcaster: Broadcaster) -> set[str]:
    with broadcaster.context.database.read() as conn:
        chunks = set(conn.execute(upload_chunks.select()).scalars())
        assert chunks == set(conn.execute(uploads.select()).scalars())
    return chunks


def _submit(broadcaster: Broadcaster, upload: str, **fields: Any) -> str:
    source = {"type": "csv", "uploadId": upload}
    return broadcaster.submit({"name": "x", "message": TEXT, "source": source, **fields}).job_id


def test_an_upload_is_deleted_some_days_after_it_came_if_nothing_needs_it(broadcaster: Broadcaster) -> None:
    upload = _upload(broadcaster, bytes((2 * CHUNKS_AT_ONCE + 1) * 1024 * 1024))

    _delete_old(broadcaster, days_later=DAYS - 1)
    assert _kept(broadcaster) == {upload}
    _delete_old(broadcaster, days_later=DAYS + 1)
    assert _kept(broadcaster) == set()


def test_an_audience_is_kept_until_days_after_the_end_of_its_broadcast(broadcaster: Broadcaster) -> None:
    upload = _upload(broadcaster)
    job = _submit(broadcaster, upload)

    _delete_old(broadcaster, days_later=10 * DAYS)
    assert _kept(broadcaster) == {upload}
    broadcaster.cancel(job)
    _delete_old(broadcaster, days_later=DAYS - 1)
    assert _kept(broadcaster) == {upload}
    _delete_old(broadcaster, days_later=DAYS + 1)
    assert _kept(broadcaster) == set()


def test_media_and_inline_recipients_are_kept_as_long_as_one_broadcast_needs_them(broadcaster: Broadcaster) -> None:
    picture = _upload(broadcaster, b"\xff\xd8\xff")
    message = {"type": "image", "media": {"uploadId": picture}}
    jobs = [
        broadcaster.submit({"name": "x", "message": message}, [{"number": "081200001001"}]).job_id for _ in range(2)
    ]

    broadcaster.cancel(jobs[0])
    _delete_old(broadcaster, days_later=DAYS + 1)
    assert picture in _kept(broadcaster)
    assert len(_kept(broadcaster)) == 2  # the picture, and the recipients of the second one
    broadcaster.cancel(jobs[1])
    _delete_old(broadcaster, days_later=DAYS + 1)
    assert _kept(broadcaster) == set()


def test_the_file_and_the_rejected_rows_of_an_import_are_deleted(broadcaster: Broadcaster) -> None:
    report = broadcaster.contacts.import_file(_upload(broadcaster))
    assert report.rejected == 1

    _delete_old(broadcaster, days_later=DAYS - 1)
    assert _cells(broadcaster) != [None]
    _delete_old(broadcaster, days_later=DAYS + 1)
    assert (_kept(broadcaster), _cells(broadcaster)) == (set(), [None])
    assert report.import_id is not None
    assert broadcaster.contacts.import_report(report.import_id).rejected == 1
    assert b"".join(broadcaster.contacts.import_errors(report.import_id))


def _cells(broadcaster: Broadcaster) -> list[str | None]:
    with broadcaster.context.database.read() as conn:
        return [row["cells"] for row in conn.execute(import_rejections.select()).mappings()]


def test_an_upload_in_use_cannot_be_deleted_and_another_can(broadcaster: Broadcaster) -> None:
    used, unused = _upload(broadcaster), _upload(broadcaster)
    job = _submit(broadcaster, used)

    with pytest.raises(ConflictError):
        broadcaster.uploads.delete(used)
    broadcaster.uploads.delete(unused)
    with pytest.raises(NotFoundError):
        broadcaster.uploads.delete(unused)
    broadcaster.cancel(job)
    broadcaster.uploads.delete(used)
    assert _kept(broadcaster) == set()


def test_an_upload_that_is_deleted_while_a_submit_names_it_is_missed_by_the_submit(
    broadcaster: Broadcaster, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload, check = _upload(broadcaster), Submission.check

    def check_then_delete(self: Submission, *args: Any, **kwargs: Any) -> dict[str, int]:
        pool = check(self, *args, **kwargs)
        _delete_old(broadcaster, days_later=DAYS + 1)
        return pool

    monkeypatch.setattr(Submission, "check", check_then_delete)

    with pytest.raises(InvalidInputError, match="there is no upload") as refused:
        _submit(broadcaster, upload)

    assert [fault.path for fault in refused.value.faults] == ["source.uploadId"]
    assert broadcaster.list().total == 0


@pytest.mark.parametrize(
    "cell",
    [
        "0812-0000-1001-12345678",
        "+62 812 0000 1001 9999 99999",
        "62.812.0000.1001.0000.1",
        "\u0660\u0668\u0661\u0662 \u0660\u0660\u0660\u0660 1001 12345678",
    ],
)
def test_an_erasure_reaches_the_rejected_rows_in_any_notation(broadcaster: Broadcaster, cell: str) -> None:
    broadcaster.contacts.import_file(_upload(broadcaster, f"nama;hp\nBudi;{cell}\nSiti;12\nUmi;0812\n".encode()))
    before = _cells(broadcaster)

    broadcaster.contacts.erase("+6281200001001")

    after = _cells(broadcaster)
    assert [text for text in before if text and "Budi" in text]
    assert not [text for text in after if text and "Budi" in text]
    assert [text for text in after if text and "Siti" in text]


def test_a_worker_deletes_what_is_old(settings: Settings) -> None:
    with Broadcaster(settings.model_copy(update={"keep_files_days": 0})) as broadcaster:
        _upload(broadcaster)

        Worker(broadcaster).run(burst=True)

        assert _kept(broadcaster) == set()


def test_a_deletion_that_takes_long_holds_up_no_recovery(
    broadcaster: Broadcaster, monkeypatch: pytest.MonkeyPatch
) -> None:
    began = threading.Event()

    async def delete_for_ever(_: Retention, *, now: float) -> None:
        del now
        began.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(Retention, "delete_old", delete_for_ever)
    worker = Worker(broadcaster)
    worker.start()
    try:
        assert began.wait(10)
        with monkeypatch.context() as lost:
            lost.setattr(broadcaster.context.work_queue, "prepare", lambda *_, **__: False)
            job = broadcaster.submit({"name": "x", "message": TEXT}, [{"number": "081200001001"}]).job_id

        wait_for(lambda: broadcaster.status(job).status == "completed", what="the broadcast whose task was lost")
    finally:
        worker.stop()
