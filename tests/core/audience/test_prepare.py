"""Preparation of a broadcast from a file, up to the messages in the store."""

import pytest

from wabroadcast_core.audience.prepare import prepare_broadcast
from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.errors import TemplateError

DRAFT = {"name": "Promo", "connection": "sandbox", "message": {"type": "text", "text": "Warga {kota}"}}


def test_a_damaged_row_is_skipped_with_its_reason_and_the_others_are_sent(broadcaster: Broadcaster) -> None:
    file = b'Nama,HP\nBudi,081234567890\n"Ani "A",081311112222\nTuti,12\nCici,081399998888\n'
    upload_id = broadcaster.uploads.save([file], filename="people.csv").upload_id
    message = {"type": "text", "text": "Halo {{ name }}"}
    source = {"type": "csv", "uploadId": upload_id}
    job = broadcaster.submit({"name": "Promo", "connection": "sandbox", "message": message, "source": source})

    with broadcaster.context.database.read() as conn:
        broadcast_id = conn.exec_driver_sql("SELECT id FROM broadcasts").scalar_one()
    prepare_broadcast(broadcaster.context, broadcast_id)

    assert [(item.number, item.status, item.detail) for item in broadcaster.messages(job.job_id).items] == [
        ("+6281234567890", "queued", None),
        ("", "skipped", "a quotation mark inside the cell is not doubled: write it twice"),
        ("12", "skipped", "too short"),
        ("+6281399998888", "queued", None),
    ]


def prepared(broadcaster: Broadcaster, file: bytes, text: str = "Halo", **source: str) -> str:
    """Submit a broadcast to the people of a CSV file, prepare it, and return its id."""
    upload_id = broadcaster.uploads.save([file], filename="people.csv").upload_id
    message = {"type": "text", "text": text}
    fields = {"type": "csv", "uploadId": upload_id, **source}
    job = broadcaster.submit({"name": "Promo", "connection": "sandbox", "message": message, "source": fields})
    prepare(broadcaster, job.job_id)
    return job.job_id


def prepare(broadcaster: Broadcaster, job_id: str) -> None:
    with broadcaster.context.database.read() as conn:
        key = conn.exec_driver_sql(f"SELECT id FROM broadcasts WHERE job_id = '{job_id}'").scalar_one()
    prepare_broadcast(broadcaster.context, key)


def test_a_broadcast_fails_whatever_bytes_the_header_of_its_file_has(broadcaster: Broadcaster) -> None:
    report = broadcaster.status(prepared(broadcaster, b"\xd5\xa7xx#?\xff\n"))

    assert report.status == "failed"
    assert "its columns are \u0567xx#??: map one of them to number" in (report.status_reason or "")


def test_a_placeholder_that_is_a_column_of_the_file_is_refused_at_once(broadcaster: Broadcaster) -> None:
    upload_id = broadcaster.uploads.save([b"HP,Kota\n081234567890,Solo\n"], filename="k.csv").upload_id
    source = {"type": "csv", "uploadId": upload_id}

    with pytest.raises(TemplateError, match=r"write {{ kota }}"):
        broadcaster.submit({**DRAFT, "source": source})


def test_a_placeholder_that_is_a_variable_of_the_contacts_stops_the_broadcast(broadcaster: Broadcaster) -> None:
    broadcaster.contacts.save({"number": "081234567890", "tags": ["vip"], "variables": {"kota": "Solo"}})
    job = broadcaster.submit({**DRAFT, "source": {"type": "contacts", "tags": ["vip"]}})

    with broadcaster.context.database.read() as conn:
        broadcast_id = conn.exec_driver_sql("SELECT id FROM broadcasts").scalar_one()
    prepare_broadcast(broadcaster.context, broadcast_id)

    report = broadcaster.status(job.job_id)
    assert report.status == "failed"
    assert "write {{ kota }}" in (report.status_reason or "")
    assert broadcaster.messages(job.job_id).items == []
