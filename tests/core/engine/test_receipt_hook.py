"""The hook for receipts: each fact of a message once, after its commit, with what hosts know it by."""

import threading
from collections.abc import Iterator, Sequence

import pytest

from tests.stores import ON_SQLITE
from tests.waiting import wait_for
from wabroadcast_core import MessageReceipt, Settings, hookimpl
from wabroadcast_core.broadcaster import Broadcaster

pytestmark = [ON_SQLITE, pytest.mark.slow]

QUICK = {"latencySeconds": 0, "deliveredSeconds": 0.05, "readSeconds": 0.1, "readShare": 1}
FAILS_LATER = "+18675550111"
SETTLED_LATER = "+18675550110"  # its send gets no answer
GOOD = "+6281200001001"
DRAFT = {"name": "Promo", "connection": "demo", "message": {"type": "text", "text": "Halo"}}


class Watching:
    """A plugin that keeps what it is notified of."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.seen: list[MessageReceipt] = []

    @hookimpl
    def wab_receipts(self, receipts: Sequence[MessageReceipt]) -> None:
        with self._lock:
            self.seen += receipts

    def kinds_of(self, number: str) -> list[str]:
        return [each.kind for each in self.seen if each.number == number]


@pytest.fixture
def watching() -> Watching:
    return Watching()


@pytest.fixture
def broadcaster(settings: Settings, watching: Watching) -> Iterator[Broadcaster]:
    with Broadcaster(settings, plugins=[watching]) as started:
        started.tasks.huey.storage.read_timeout = 0.2
        started.connections.save("demo", {"sender": "sandbox", "settings": QUICK})
        yield started


@pytest.mark.usefixtures("worker")
def test_delivered_read_and_late_failures_are_passed_once_each(broadcaster: Broadcaster, watching: Watching) -> None:
    numbers = [GOOD, FAILS_LATER, SETTLED_LATER]
    test = broadcaster.send_test(DRAFT, test={"number": "+6281200001009"})
    wait_for(lambda: broadcaster.test_result(test.job_id).read_at, what="the receipts of the test")
    job = broadcaster.submit(DRAFT, [{"number": number} for number in numbers])
    wait_for(lambda: broadcaster.status(job.job_id).counts.read == 2, what="the receipts")
    wait_for(lambda: watching.kinds_of(FAILS_LATER) and len(watching.kinds_of(SETTLED_LATER)) == 3, what="the hooks")

    assert watching.kinds_of(GOOD) == ["delivered", "read"]
    assert watching.kinds_of(SETTLED_LATER) == ["sent", "delivered", "read"]
    [failed] = [each for each in watching.seen if each.number == FAILS_LATER]
    assert (failed.kind, failed.job_id, failed.connection, failed.is_rehearsal) == ("failed", job.job_id, "demo", False)
    assert failed.reason
    assert {each.job_id for each in watching.seen} == {job.job_id}
    assert failed.message_id in {each.message_id for each in broadcaster.messages(job.job_id).items}
