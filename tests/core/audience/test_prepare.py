"""Preparation of a broadcast from a file, up to the messages in the store."""

from wabroadcast_core.audience.prepare import prepare_broadcast
from wabroadcast_core.broadcaster import Broadcaster


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
