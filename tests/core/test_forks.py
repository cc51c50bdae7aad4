"""A host that starts the broadcaster before it forks its processes, as ``gunicorn --preload`` does."""

import contextlib
import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO

import pytest
import redis

from tests.forked import ForkedProcess
from tests.waiting import wait_for
from wabroadcast_core import Settings
from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.metrics.catalogue import SLOTS_GIVEN
from wabroadcast_core.metrics.meters import VALUE, Cell
from wabroadcast_core.metrics.shared_totals import SharedTotals
from wabroadcast_core.queue.embedded import EmbeddedValkey

pytestmark = pytest.mark.slow

CHILDREN = 3
SUBMITS = 20  # of each process
CONNECTION = 7  # an id that no connection has


def fork(work: Callable[[], object]) -> int:
    """Start a child that does the work, and return its process id."""
    child = os.fork()
    if child:
        return child
    try:
        work()
    except BaseException:  # noqa: BLE001 - a child must not go on as its parent would
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def fail_unless_all_succeed(children: Sequence[int]) -> None:
    if any(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children):
        sys.exit("a child has failed")


def submit_from_all() -> None:
    """The program of a host with a store and a Redis of its own."""
    broadcaster = Broadcaster().start()
    use(broadcaster)  # there are connections and threads now

    def serve() -> None:
        for _ in range(SUBMITS):
            use(broadcaster)
        broadcaster.close()

    children = [fork(serve) for _ in range(CHILDREN)]
    serve()
    fail_unless_all_succeed(children)


def use(broadcaster: Broadcaster) -> None:
    broadcaster.meters.count(SLOTS_GIVEN, CONNECTION)
    broadcaster.submit({"name": "Promo", "message": {"type": "text", "text": "Halo"}}, [{"number": "081234567890"}])
    assert broadcaster.answer_webhook("GET", "/webhooks/nowhere", {}, b"").status == 403
    assert broadcaster.check() == {"store": "ok", "redis": "ok"}


def environment_of(settings: Settings) -> dict[str, str]:
    redis_url, database_url = settings.redis_url, settings.database_url
    return {
        **os.environ,
        "WABROADCAST_DATA_DIR": str(settings.data_dir),
        "WABROADCAST_NAMESPACE": settings.namespace,
        **({"WABROADCAST_REDIS_URL": redis_url.get_secret_value()} if redis_url else {}),
        **({"WABROADCAST_DATABASE_URL": database_url.get_secret_value()} if database_url else {}),
    }


def test_parent_and_children_use_one_broadcaster_and_disturb_each_other_in_nothing(
    settings: Settings, broadcaster: Broadcaster
) -> None:
    host = ForkedProcess(submit_from_all, environment=environment_of(settings))

    assert host.wait(timeout=60) == 0
    uses = 1 + (CHILDREN + 1) * SUBMITS
    assert broadcaster.list(page_size=1).total == uses
    totals = SharedTotals(broadcaster.context.redis, broadcaster.context.keys).read()
    assert totals[Cell(SLOTS_GIVEN.name, (CONNECTION,), VALUE)] == uses  # none was counted by two processes


def show_live_in_a_child() -> None:
    """The program of a host that listens, and publishes changes, before it forks."""
    with Broadcaster() as broadcaster:
        draft = {"name": "Promo", "message": {"type": "text", "text": "Halo"}}
        job_id = broadcaster.submit(draft, [{"number": "081234567890"}]).job_id
        listener = broadcaster.live.listen(job_id, wake=lambda: None)
        listener.take()
        child = fork(lambda: pause_and_see(broadcaster, job_id))
        wait_for(lambda: listener.take() is not None)
        fail_unless_all_succeed([child])


def pause_and_see(broadcaster: Broadcaster, job_id: str) -> None:
    listener = broadcaster.live.listen(job_id, wake=lambda: None)
    listener.take()
    broadcaster.pause(job_id)
    wait_for(lambda: listener.take() is not None)
    broadcaster.close()


def test_parent_and_child_show_what_the_child_changes(settings: Settings) -> None:
    host = ForkedProcess(show_live_in_a_child, environment=environment_of(settings))

    assert host.wait(timeout=60) == 0


def close_in_a_child() -> None:
    """The program of a host with the embedded Valkey, whose child outlives it."""
    broadcaster = Broadcaster().start()

    def close_and_stay() -> None:
        broadcaster.close()
        print(os.getpid(), flush=True)
        signal.pause()

    fork(close_and_stay)
    sys.stdin.readline()
    assert broadcaster.check() == {"store": "ok", "redis": "ok"}
    os._exit(0)


def test_the_embedded_valkey_ends_with_the_process_that_started_it_and_not_with_a_child(tmp_path: Path) -> None:
    alone = Settings(data_dir=tmp_path, redis_url=None)
    valkey = redis.Redis.from_url(EmbeddedValkey(tmp_path).url)
    with pipe() as (answer, told), pipe() as (stdin, lifeline):
        host = ForkedProcess(close_in_a_child, environment=environment_of(alone), stdin=stdin, stdout=told)
        child = int(answer.readline())
        try:
            assert valkey.ping()
            print(file=lifeline, flush=True)
            assert host.wait(timeout=10) == 0
            wait_for(lambda: not answers(valkey), what="the end of the Valkey")
        finally:
            os.kill(child, signal.SIGKILL)
            valkey.close()


def answers(client: redis.Redis) -> bool:
    try:
        return bool(client.ping())
    except redis.ConnectionError:
        return False


@contextlib.contextmanager
def pipe() -> Iterator[tuple[IO[str], IO[str]]]:
    reading, writing = os.pipe()
    with os.fdopen(reading, encoding="utf-8") as reader, os.fdopen(writing, "w", encoding="utf-8") as writer:
        yield reader, writer
