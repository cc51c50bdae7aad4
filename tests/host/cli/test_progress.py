"""The line of progress says what is true of a broadcast."""

import pytest

from host_litestar.cli.progress import describe_progress
from wabroadcast_core.models.broadcast import BroadcastProgress, Counts


@pytest.mark.parametrize(
    ("status", "counts", "line"),
    [
        pytest.param("completed", {}, "the audience has no recipient", id="no-recipient"),
        pytest.param("failed", {}, "nothing was sent", id="its-file-cannot-be-read"),
        pytest.param("cancelled", {}, "nothing was sent", id="cancelled-before-it-was-read"),
        pytest.param("processing", {"queued": 2}, "nothing sent yet, 2 queued", id="queued"),
        pytest.param("processing", {"sent": 3, "delivered": 2, "read": 1}, "3 sent, 2 delivered, 1 read", id="read"),
    ],
)
def test_a_line_says_what_is_true(status: str, counts: dict[str, int], line: str) -> None:
    total = sum(counts.get(name, 0) for name in ("sent", "queued"))
    progress = BroadcastProgress.model_validate(
        {
            "version": "1",
            "jobId": "0b1f",
            "status": status,
            "statusReason": None,
            "prepared": True,
            "total": total,
            "counts": Counts(**counts),
            "skippedBy": {},
            "progress": 0,
            "waitingFor": None,
            "rate": 0,
            "eta": None,
        }
    )

    assert describe_progress(progress) == line
