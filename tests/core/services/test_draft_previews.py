"""The preview of a draft at any moment of its writing, and what was sent before it."""

from typing import Any

import pytest

from wabroadcast_core.audience.previewed_people import MOST_LISTED
from wabroadcast_core.broadcaster import Broadcaster

CSV = "Daftar\nNama;No. HP;Kode\nBudi;0812-0000-1001;A1\nSiti;081200001002;\nAgus;salah;A3\nBudi;+6281200001001;A1\n"
MESSAGE = {"type": "text", "text": "Halo {{ nama }} {{ kode | default('-') }}"}


@pytest.fixture
def broadcaster(shared: Broadcaster) -> Broadcaster:
    return shared


def _file(broadcaster: Broadcaster, content: str = CSV, **how: Any) -> dict[str, Any]:
    upload = broadcaster.uploads.save([content.encode()], filename="orang.csv")
    return {"type": "csv", "uploadId": upload.upload_id, **how}


def _draft(broadcaster: Broadcaster, **fields: Any) -> str:
    return broadcaster.drafts.create(fields).draft_id


def test_a_preview_shows_the_people_of_a_file_and_how_it_was_understood(broadcaster: Broadcaster) -> None:
    draft_id = _draft(broadcaster, name="Promo", message=MESSAGE, source=_file(broadcaster))

    people = broadcaster.drafts.preview(broadcaster.drafts.get(draft_id), place=2, reason="invalid_number").people

    assert people is not None
    assert (people.total, people.sendable, people.skipped_by) == (4, 2, {"invalid_number": 1, "duplicate": 1})
    assert [(one.title, one.meanings, one.sample) for one in people.columns] == [
        ("Nama", ["name"], "Budi"),
        ("No. HP", ["number"], "0812-0000-1001"),
        ("Kode", ["kode"], "A1"),
    ]
    assert people.reading is not None
    assert (people.reading.delimiter, people.reading.header_row, people.region) == (";", 2, "ID")
    assert people.offered["kode"] == 1
    assert people.chosen is not None
    assert people.longest is not None
    assert people.emptiest is not None
    assert (people.chosen.place, people.chosen.text) == (2, "Halo Siti -")
    assert (people.longest.place, people.longest.text) == (1, "Halo Budi A1")
    assert people.emptiest.number == "+6281200001002"
    assert [(one.row, one.number, one.name) for one in people.listed] == [(5, "salah", "Agus")]


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        pytest.param({}, "message", id="no-message"),
        pytest.param({"message": {"type": "text", "text": "Halo {{ nama"}}, "message", id="half-a-template"),
        pytest.param({"message": {"type": "text", "text": "Halo {{ umur }}"}}, "message", id="unknown-variable"),
        pytest.param({"message": MESSAGE, "connection": "hilang"}, "connection", id="no-such-connection"),
        pytest.param({"message": MESSAGE, "scheduledAt": "2001-01-01T00:00:00Z"}, "scheduledAt", id="over"),
        pytest.param({"message": MESSAGE, "rate": {"messages": 0}}, "rate.messages", id="no-rate"),
    ],
)
def test_the_people_of_an_unfinished_draft_are_counted(
    broadcaster: Broadcaster, fields: dict[str, Any], path: str
) -> None:
    draft_id = _draft(broadcaster, name="Promo", source=_file(broadcaster), **fields)

    preview = broadcaster.drafts.preview(broadcaster.drafts.get(draft_id))

    assert path in {fault.path for fault in preview.faults}
    assert preview.people is not None
    assert preview.people.sendable == 2
    assert preview.has_message == (path != "message")


@pytest.mark.parametrize(
    "source",
    [
        pytest.param({"type": "csv", "uploadId": "gone"}, id="no-upload"),
        pytest.param({"type": "database", "query": "none"}, id="no-query"),
        pytest.param({"type": "nothing"}, id="no-kind"),
    ],
)
def test_an_audience_that_cannot_be_read_has_a_reason(broadcaster: Broadcaster, source: dict[str, Any]) -> None:
    preview = broadcaster.drafts.preview(
        broadcaster.drafts.get(_draft(broadcaster, name="Promo", message=MESSAGE, source=source))
    )

    assert preview.people is None
    assert preview.unreadable


def test_a_file_without_numbers_says_so(broadcaster: Broadcaster) -> None:
    source = _file(broadcaster, "a;b\nx;y\n")

    preview = broadcaster.drafts.preview(
        broadcaster.drafts.get(_draft(broadcaster, name="Promo", message=MESSAGE, source=source))
    )

    assert "no column holds phone numbers" in (preview.unreadable or "")


@pytest.mark.parametrize(
    ("header_row", "people_and_header"), [(None, (3, 1)), (2, (2, 2)), (3, (1, 3)), (0, (3, None))]
)
def test_the_header_row_of_a_file_can_be_given(
    broadcaster: Broadcaster, header_row: int | None, people_and_header: tuple[int, int | None]
) -> None:
    how = {} if header_row is None else {"headerRow": header_row}
    source = _file(broadcaster, "Nama;Nomor\nBudi;081200001001\nSiti;081200001002\nEka;081200001003\n", **how)
    draft_id = _draft(broadcaster, name="Promo", message={"type": "text", "text": "Halo"}, source=source)

    people = broadcaster.drafts.preview(broadcaster.drafts.get(draft_id)).people

    assert people is not None
    assert people.reading is not None
    assert (people.sendable, people.reading.header_row) == people_and_header


def test_duplicates_over_chunks_are_listed_and_have_no_place(broadcaster: Broadcaster) -> None:
    chunk = broadcaster.settings.prepare_chunk
    numbers = [f"08120{index:07}" for index in range(chunk)]
    lines = [*numbers, *numbers[: MOST_LISTED + 1], "081300000001"]
    source = _file(broadcaster, "\n".join(["nomor", *lines]))
    draft_id = _draft(broadcaster, name="Promo", message={"type": "text", "text": "Halo"}, source=source)

    people = broadcaster.drafts.preview(broadcaster.drafts.get(draft_id), place=10**9, reason="duplicate").people

    assert people is not None
    assert people.skipped_by == {"duplicate": MOST_LISTED + 1}
    assert [one.row for one in people.listed] == list(range(chunk + 2, chunk + 2 + MOST_LISTED))
    assert people.chosen is not None
    assert (people.chosen.place, people.chosen.number) == (chunk + 1, "+6281300000001")


def test_the_same_message_to_the_same_people_is_found_even_if_the_file_was_uploaded_again(
    broadcaster: Broadcaster,
) -> None:
    first = _draft(broadcaster, name="Promo", message=MESSAGE, source=_file(broadcaster))
    again = _draft(broadcaster, name="Promo 2", message=MESSAGE, source=_file(broadcaster))
    other = _draft(broadcaster, name="Promo 3", message={"type": "text", "text": "Lain"}, source=_file(broadcaster))
    assert broadcaster.drafts.precedents(again).alike is None

    sent = broadcaster.drafts.submit(first)

    found = broadcaster.drafts.precedents(again)
    assert found.alike is not None
    assert found.alike.job_id == sent.job_id
    assert broadcaster.drafts.precedents(other).alike is None
    people = _file(broadcaster, CSV.replace("Siti", "Sita"))
    assert broadcaster.drafts.precedents(_draft(broadcaster, message=MESSAGE, source=people)).alike is None
    broadcaster.undo(sent.job_id)
    assert broadcaster.drafts.precedents(again).alike is None
