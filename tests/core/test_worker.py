"""The log of Huey, which a worker quiets while Redis takes no calls, and only where there is a worker."""

import logging
import subprocess
import sys

import pytest
import redis

from tests.stores import ON_SQLITE


def test_an_import_of_the_worker_changes_no_log() -> None:
    program = "import logging, wabroadcast_core.worker; print(logging.getLogger('huey.consumer.Worker').filters)"
    printed = subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, check=True).stdout

    assert printed.strip() == "[]"


@ON_SQLITE
@pytest.mark.usefixtures("worker")
def test_a_worker_drops_hueys_lines_about_redis_and_no_others(caplog: pytest.LogCaptureFixture) -> None:
    log = logging.getLogger("huey.consumer.Worker")
    for error in (redis.ConnectionError("refused"), ValueError("a bug")):
        log.error("Error reading from queue", exc_info=error)

    assert [record.exc_info and record.exc_info[0] for record in caplog.records if record.name == log.name] == [
        ValueError
    ]
