"""Drafts on both stores: two writers, one submit, files and their retention, erasure."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import openpyxl
import pytest
from sqlalchemy import text

from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.errors import ConflictError, NotFoundError, TemplateError, VersionConflictError
from wabroadcast_core.models.broadcast import BroadcastDraft
from wabroadcast_core.models.draft import DraftFields
from wabroadcast_core.services.drafts import ANY_VERSION
from wabroadcast_core.store import retention as retention_store

PERSON, OTHER = "+6281200001001", "+6281200001002"
MESSAGE = {"type": "text", "text": "Halo {{ name }}"}
PEOPLE = [{"number": PERSON, "name": "Budi"}, {"number": OTHER, "name": "Siti"}]


@pytest.fixture
def broadcaster(shared: Broadcaster) -> Broadcaster:
    return shared


def _uploads(broadcaster: Broadcaster) -> set[str]:
    with broadcaster.context.database.read() as conn:
        return set(conn.execute(text("SELECT id FROM uploads")).scalars())


def _save_file(broadcaster: Broadcaster, content: bytes, name: str = "people.csv") -> dict[str, Any]:
    upload = broadcaster.uploads.save([content], filename=name)
    return {"type": upload.kind, "uploadId": upload.upload_id}


CSV = b"Nama;No. HP\nBudi;0812-0000-1001\nSiti;081200001002\nAgus;salah\n"


def test_a_draft_has_every_field_of_a_submit() -> None:
    assert DraftFields.model_fields.keys() == BroadcastDraft.model_fields.keys()


def test_of_many_writers_at_the_same_moment_one_wins_and_the_others_get_both_versions(broadcaster: Broadcaster) -> None:
    made = broadcaster.drafts.create({"name": "A"})
    barrier = threading.Barrier(6)

    def save(place: int) -> VersionConflictError | None:
        barrier.wait()
        try:
            broadcaster.drafts.save(made.draft_id, {"name": f"A{place}"}, PEOPLE, versions={1}, actor=f"writer {place}")
        except VersionConflictError as error:
            return error
        return None

    with ThreadPoolExecutor(6) as threads:
        errors = list(threads.map(save, range(6)))

    stored = broadcaster.drafts.get(made.draft_id)
    winner = errors.index(None)
    assert (stored.name, stored.version, stored.changed_by) == (f"A{winner}", 2, f"writer {winner}")
    lost = [(place, error) for place, error in enumerate(errors) if error is not None]
    assert [(error.version, error.present["name"], error.sent) for _, error in lost] == [
        (2, stored.name, {"name": f"A{place}"}) for place, _ in lost
    ]
    assert len(_uploads(broadcaster)) == 1  # the lists of the others are deleted


def test_submits_and_changes_at_the_same_moment_make_one_broadcast_of_one_version(broadcaster: Broadcaster) -> None:
    made = broadcaster.drafts.create({"name": "v1", "message": MESSAGE}, PEOPLE)
    barrier = threading.Barrier(6)

    def submit() -> str:
        return broadcaster.drafts.submit(made.draft_id).job_id

    def change() -> str:
        fields = {"name": "v2", "message": MESSAGE}
        try:
            broadcaster.drafts.save(made.draft_id, fields, PEOPLE, versions=ANY_VERSION)
        except ConflictError:
            return "refused"
        return "saved"

    def act(call: Callable[[], str]) -> str:
        barrier.wait()
        return call()

    with ThreadPoolExecutor(6) as threads:
        job_ids = set(threads.map(act, [submit, change, submit, change, submit, change])) - {"refused", "saved"}

    assert broadcaster.list().total == len(job_ids) == 1
    draft, broadcast = broadcaster.drafts.get(made.draft_id), broadcaster.get(job_ids.pop())
    assert (draft.job_id, draft.name) == (broadcast.job_id, broadcast.name)
    assert broadcast.source is not None
    assert broadcast.source["uploadId"] in _uploads(broadcaster)
    assert broadcast.draft_id == draft.draft_id


def test_a_placeholder_of_another_tool_is_refused_as_in_a_submit_of_the_same_people(broadcaster: Broadcaster) -> None:
    people = [{"number": PERSON, "variables": {"kode": "A1"}}]
    made = broadcaster.drafts.create({"name": "A", "message": {"type": "text", "text": "Kode [kode]"}}, people)

    with pytest.raises(TemplateError):
        broadcaster.drafts.submit(made.draft_id)
    assert broadcaster.drafts.get(made.draft_id).job_id is None


def test_a_change_returns_what_it_stored_though_another_follows_at_once(
    broadcaster: Broadcaster, monkeypatch: pytest.MonkeyPatch
) -> None:
    drafts, made = broadcaster.drafts, broadcaster.drafts.create({"name": "A"})

    def follow(_: object) -> None:
        monkeypatch.undo()
        drafts.save(made.draft_id, {"name": "later"}, versions={2})

    monkeypatch.setattr(drafts, "_delete_old_lists", follow)
    saved = drafts.save(made.draft_id, {"name": "mine"}, versions={1})

    assert (saved.name, saved.version) == ("mine", 2)
    assert drafts.get(made.draft_id).name == "later"


def test_each_saved_list_of_recipients_replaces_the_one_before(broadcaster: Broadcaster) -> None:
    made = broadcaster.drafts.create({"name": "A"}, PEOPLE)
    for version in range(1, 4):
        broadcaster.drafts.save(made.draft_id, {"name": "A"}, PEOPLE[:1], versions={version})

    assert len(_uploads(broadcaster)) == 1
    broadcaster.drafts.save(made.draft_id, {"name": "A"}, [], versions={4})
    assert _uploads(broadcaster) == set()
    assert broadcaster.drafts.get(made.draft_id).broadcast.recipients is None


def test_a_long_list_is_shown_as_its_source_and_kept_by_a_change(broadcaster: Broadcaster) -> None:
    people = [{"number": f"+62812{place:08d}"} for place in range(1_001)]
    made = broadcaster.drafts.create({"name": "A", "message": MESSAGE | {"text": "Halo"}}, people)

    kept = broadcaster.drafts.save(
        made.draft_id, made.broadcast.model_dump(exclude_none=True) | {"name": "B"}, versions={1}
    )

    assert made.broadcast.recipients is None
    assert kept.broadcast.source == made.broadcast.source
    job_id = broadcaster.drafts.submit(made.draft_id).job_id
    with broadcaster.context.database.read() as conn:
        key = conn.execute(text("SELECT id FROM broadcasts WHERE job_id = :id"), {"id": job_id}).scalar_one()
    broadcaster.handlers.prepare(key)
    assert broadcaster.status(job_id).total == 1_001


def test_the_file_of_a_draft_is_in_use_until_the_draft_is_submitted_or_deleted(broadcaster: Broadcaster) -> None:
    source = _save_file(broadcaster, CSV)
    made = broadcaster.drafts.create({"name": "A", "source": source})

    with broadcaster.context.database.write() as conn:
        in_use = retention_store.uploads_in_use(conn, ended_after=1e12)
        is_hidden = retention_store.hide_upload(conn, source["uploadId"])
    with pytest.raises(ConflictError, match="a draft"):
        broadcaster.uploads.delete(source["uploadId"])
    broadcaster.drafts.delete(made.draft_id)

    assert (in_use, is_hidden) == ({source["uploadId"]}, False)
    assert _uploads(broadcaster) == set()


def test_a_file_of_an_ended_broadcast_survives_the_draft_that_is_its_copy(broadcaster: Broadcaster) -> None:
    source = _save_file(broadcaster, CSV)
    job_id = broadcaster.submit({"name": "A", "message": MESSAGE, "source": source}).job_id
    broadcaster.cancel(job_id)
    copied = broadcaster.drafts.copy(job_id, actor="Siti")

    broadcaster.drafts.delete(copied.draft_id)

    assert (copied.owner, copied.broadcast.source) == ("Siti", source)
    assert _uploads(broadcaster) == {source["uploadId"]}


def test_an_undo_after_its_draft_was_deleted_makes_a_new_one(broadcaster: Broadcaster) -> None:
    made = broadcaster.drafts.create({"name": "A", "message": MESSAGE}, PEOPLE)
    job_id = broadcaster.drafts.submit(made.draft_id, hold_seconds=60).job_id
    broadcaster.drafts.delete(made.draft_id)

    draft_id = str(broadcaster.undo(job_id).draft_id)

    assert draft_id != made.draft_id
    assert len(broadcaster.drafts.get(draft_id).broadcast.recipients or ()) == 2
    broadcaster.drafts.delete(draft_id)
    assert _uploads(broadcaster) == set()


def test_an_undone_draft_has_the_name_that_the_broadcast_got(broadcaster: Broadcaster) -> None:
    made = broadcaster.drafts.create({"name": "A", "message": MESSAGE, "holdSeconds": 60}, PEOPLE, actor="Budi")
    job_id = broadcaster.drafts.submit(made.draft_id).job_id
    broadcaster.reschedule(job_id, {"name": "B"})

    broadcaster.undo(job_id, actor="Siti")

    draft = broadcaster.drafts.get(made.draft_id)
    assert (draft.name, draft.owner, draft.changed_by, draft.version) == ("B", "Budi", "Siti", 3)


def test_a_draft_that_does_not_exist_is_named(broadcaster: Broadcaster) -> None:
    for call in (broadcaster.drafts.get, broadcaster.drafts.delete, broadcaster.drafts.submit):
        with pytest.raises(NotFoundError, match="no draft 'x'"):
            call("x")


# --- erasure -----------------------------------------------------------------------------------------------------


def _workbook(tmp_path: Any) -> bytes:
    book = openpyxl.Workbook()
    for row in (["Nama", "No. HP"], ["Budi", "0812-0000-1001"], ["Siti", "081200001002"]):
        book.active.append(row)
    file = tmp_path / "people.xlsx"
    book.save(file)
    return bytes(file.read_bytes())


@pytest.mark.parametrize("kind", ["recipients", "csv", "excel"])
def test_an_erased_person_is_in_no_audience_of_a_draft(broadcaster: Broadcaster, tmp_path: Any, kind: str) -> None:
    fields: dict[str, Any] = {"name": "A", "message": MESSAGE}
    if kind != "recipients":
        fields["source"] = _save_file(broadcaster, CSV if kind == "csv" else _workbook(tmp_path), f"people.{kind}")
    made = broadcaster.drafts.create(fields, PEOPLE if kind == "recipients" else None)
    before = _uploads(broadcaster)

    report = broadcaster.contacts.erase("0812 0000 1001", actor="dewi")

    draft = broadcaster.drafts.get(made.draft_id)
    assert (report.drafts, report.unread_drafts, draft.version, draft.changed_by) == (1, 0, 2, "dewi")
    assert len(_uploads(broadcaster)) == 1
    assert _uploads(broadcaster).isdisjoint(before)
    preview = broadcaster.preview({"name": "A", "message": MESSAGE, "source": _source_of(broadcaster, made.draft_id)})
    assert (preview.sendable, preview.total) == ((1, 2) if kind == "csv" else (1, 1))
    assert broadcaster.contacts.erase(PERSON).drafts == 0


def _source_of(broadcaster: Broadcaster, draft_id: str) -> dict[str, Any]:
    with broadcaster.context.database.read() as conn:
        fields = conn.execute(text("SELECT fields FROM drafts WHERE id = :id"), {"id": draft_id}).scalar_one()
    source = DraftFields.model_validate_json(fields).source
    assert source is not None
    return source


def test_a_draft_whose_audience_cannot_be_read_is_counted(broadcaster: Broadcaster) -> None:
    broadcaster.drafts.create({"name": "A", "source": _save_file(broadcaster, b"a;b\nno;numbers\n")})
    broadcaster.drafts.create({"name": "A", "source": {"type": "csv", "uploadId": "deleted"}})
    broadcaster.drafts.create({"name": "A", "source": {"type": "contacts"}})
    unaffected = broadcaster.drafts.create({"name": "B"}, PEOPLE[1:])

    report = broadcaster.contacts.erase(PERSON)

    assert (report.drafts, report.unread_drafts) == (0, 1)
    assert broadcaster.drafts.get(unaffected.draft_id).version == 1
