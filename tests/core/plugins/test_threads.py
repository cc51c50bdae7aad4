"""Threads of plugins: the next call has the thread of the last one, and a call that hangs keeps its own."""

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.waiting import wait_for
from wabroadcast_core.hookspecs import hookimpl
from wabroadcast_core.plugins import build_plugins
from wabroadcast_core.plugins.threads import MOST_IDLE, PluginThreads
from wabroadcast_core.settings import Settings


class Shop:
    """A plugin with a database: it opens one connection a thread, as Django does."""

    def __init__(self) -> None:
        self._local = threading.local()
        self.opened = 0

    def _use_database(self) -> None:
        if not hasattr(self._local, "conn"):
            self._local.conn = self.opened = self.opened + 1

    @hookimpl
    def wab_receipts(self) -> None:
        self._use_database()

    @hookimpl
    def wab_messages_finished(self) -> None:
        self._use_database()

    @hookimpl
    def wab_validate_numbers(self) -> dict[str, str]:
        self._use_database()
        return {}


class Hung(Shop):
    """Hangs when it is notified of receipts."""

    def __init__(self) -> None:
        super().__init__()
        self.released = threading.Event()

    @hookimpl
    def wab_receipts(self) -> None:
        self._use_database()
        self.released.wait(60)


def test_calls_one_after_the_other_have_one_thread_over_all_hooks() -> None:
    shop = Shop()
    plugins = build_plugins([shop], settings=Settings(), discover=False)

    for _ in range(50):
        plugins.receipts([])
        plugins.messages_finished([])
        plugins.validate_numbers(["+62811"], connection="main")

    assert shop.opened == 1
    plugins.threads.close()


@pytest.mark.timed
def test_a_thread_that_hangs_is_replaced_and_the_calls_after_it_share_one_again() -> None:
    shop = Hung()
    plugins = build_plugins([shop], settings=Settings(plugin_seconds=0.1), discover=False)

    plugins.receipts([])
    for _ in range(50):
        plugins.messages_finished([])

    assert shop.opened == 2
    shop.released.set()
    plugins.threads.close()


def test_plugins_share_no_thread() -> None:
    names: list[str] = []
    threads = PluginThreads()

    for owner in ("shop", "crm", "shop"):
        run(threads, lambda: names.append(threading.current_thread().name), owner=owner)

    assert names == ["wabroadcast-shop", "wabroadcast-crm", "wabroadcast-shop"]
    threads.close()


def test_a_thread_keeps_nothing_of_a_work_that_has_ended() -> None:
    class Rows:
        freed = threading.Event()

        def __call__(self) -> None: ...

        def __del__(self) -> None:
            self.freed.set()

    threads = PluginThreads()

    threads.start(Rows(), owner="shop")

    assert Rows.freed.wait(10)
    threads.close()


def test_after_many_calls_at_once_a_few_threads_wait() -> None:
    threads, busy = PluginThreads(), threading.Barrier(3 * MOST_IDLE)
    before = threading.active_count()

    with ThreadPoolExecutor(3 * MOST_IDLE) as callers:
        [*callers.map(lambda _: run(threads, busy.wait), range(3 * MOST_IDLE))]

    wait_for(lambda: threading.active_count() == before + MOST_IDLE, what="the end of the others")
    threads.close()
    assert threading.active_count() == before


def test_a_thread_that_is_at_work_at_the_close_ends_after_it() -> None:
    threads, released, before = PluginThreads(), threading.Event(), threading.active_count()
    threads.start(lambda: released.wait(60), owner="shop")

    threads.close()
    released.set()

    wait_for(lambda: threading.active_count() == before, what="the end of the thread")


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_the_child_of_a_fork_has_threads_of_its_own() -> None:
    threads = PluginThreads()
    run(threads, bool)

    child = os.fork()
    if child == 0:
        os._exit(0 if run(threads, bool, seconds=5) else 1)

    assert os.waitpid(child, 0)[1] == 0
    threads.close()


def run(threads: PluginThreads, work: Callable[[], Any], *, owner: str = "shop", seconds: float = 30) -> bool:
    """Run work in a thread of plugins, and return whether it ended in time."""
    ended = threading.Event()
    threads.start(work, owner=owner, then=ended.set)
    return ended.wait(seconds)
