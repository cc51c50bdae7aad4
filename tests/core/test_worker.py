"""How a worker's threads take tasks from the queue, and what Huey logs of them."""

import contextlib
import logging
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import redis
from huey import Huey, RedisHuey

from tests.stores import ON_SQLITE
from tests.waiting import wait_for
from wabroadcast_core import Broadcaster, Settings, Worker
from wabroadcast_core.queue.embedded import EmbeddedValkey
from wabroadcast_core.queue.tasks import create_huey
from wabroadcast_core.worker import _CapacityWorker

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


@contextlib.contextmanager
def taking_tasks(huey: Huey, name: str, *, head_start: float = 0.0) -> Iterator[None]:
    """A thread of a worker at work.

    :param head_start: seconds for which it leaves the queue to others.
    """
    stop = threading.Event()
    worker = _CapacityWorker(huey, stop, default_delay=0.1, max_delay=0.1, backoff=1.0)
    worker.head_start = lambda: head_start  # type: ignore[method-assign]  # as a worker sets it

    def work() -> None:
        while not stop.is_set():
            worker.loop()

    thread = threading.Thread(target=work, name=name)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


@pytest.mark.timed
def test_a_busy_process_takes_only_the_tasks_that_others_leave(own_valkey: EmbeddedValkey) -> None:
    client = redis.Redis.from_url(own_valkey.url)
    huey, takers = create_huey("shared", client), list[str]()
    task = huey.task(name="own_task")(lambda: takers.append(threading.current_thread().name))

    with taking_tasks(huey, "busy", head_start=0.05):
        task()
        wait_for(lambda: len(takers) == 1, what="the task")
    with taking_tasks(huey, "busy", head_start=1.0), taking_tasks(huey, "idle"):
        for amount in range(2, 12):
            wait_for(lambda: client.info("clients")["blocked_clients"], what="the idle thread's reading")
            task()
            wait_for(lambda: len(takers) == amount, what="a task")  # noqa: B023 - called at once
    assert takers == ["busy"] + ["idle"] * 10


def test_a_busy_process_waits_once_for_all_tasks_that_are_left(own_valkey: EmbeddedValkey) -> None:
    huey, takers = create_huey("shared", redis.Redis.from_url(own_valkey.url)), list[int]()
    task = huey.task(name="own_task")(takers.append)
    for number in range(100):
        task(number)

    with taking_tasks(huey, "busy", head_start=1.0):
        wait_for(lambda: len(takers) == 100, what="all tasks", seconds=60)  # a wait for each would take 100 s

    assert takers == list(range(100))
