"""The log of Huey, which a worker quiets while Redis takes no calls, and only where there is a worker."""

import logging
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest
import redis
from huey import RedisHuey

from tests.stores import ON_SQLITE
from wabroadcast_core import Broadcaster, Settings, Worker

DRAFT = {"name": "Promo", "message": {"type": "text", "text": "Halo"}}
PEOPLE = [{"number": "0812-0000-1001"}]


def test_an_import_of_the_worker_changes_no_log() -> None:
    program = "import logging, wabroadcast_core.worker; print(logging.getLogger('huey.consumer.Worker').filters)"
    printed = subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, check=True).stdout

    assert printed.strip() == "[]"


@ON_SQLITE
@pytest.mark.slow
def test_huey_logs_nothing_of_our_tasks_and_all_of_those_of_a_host(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    assert settings.redis_url is not None
    huey = RedisHuey(f"{settings.namespace}-host", url=settings.redis_url.get_secret_value())
    own = huey.task(name="own_task")(lambda: None)
    with Broadcaster(settings, huey=huey) as broadcaster:
        later = datetime.now(UTC) + timedelta(days=1)
        job = broadcaster.submit(DRAFT | {"connection": "sandbox"}, PEOPLE)
        broadcaster.submit(DRAFT | {"connection": "sandbox", "scheduledAt": later}, PEOPLE)
        own()
        Worker(broadcaster).run(burst=True)
        assert broadcaster.status(job.job_id).counts.sent == 1

    lines = [record.getMessage() for record in caplog.records if "huey" in record.name]
    assert len(lines) == 2
    assert all("own_task" in line for line in lines)


@ON_SQLITE
@pytest.mark.usefixtures("worker")
def test_a_worker_drops_hueys_lines_about_redis_and_no_others(caplog: pytest.LogCaptureFixture) -> None:
    log = logging.getLogger("huey.consumer.Worker")
    for error in (redis.ConnectionError("refused"), ValueError("a bug")):
        log.error("Error reading from queue", exc_info=error)

    assert [record.exc_info and record.exc_info[0] for record in caplog.records if record.name == log.name] == [
        ValueError
    ]
