"""Notices for the plugins come in order, one call at a time."""

import asyncio
import threading
from collections.abc import Sequence

import pytest

from wabroadcast_core.engine import plugin_notices
from wabroadcast_core.engine.plugin_notices import MOST_AT_ONCE, PluginNotices

LONG = 30.0


class Plugin:
    """Keeps its calls; none ends before the test lets them."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, list[int]]] = []
        self.is_called = threading.Event()
        self.may_end = threading.Event()

    def finished(self, items: Sequence[int]) -> None:
        self._take("finished", items)

    def changed(self, items: Sequence[int]) -> None:
        self._take("changed", items)

    def _take(self, name: str, items: Sequence[int]) -> None:
        self.calls.append((name, list(items)))
        self.is_called.set()
        assert self.may_end.wait(LONG)


@pytest.fixture
def plugin() -> Plugin:
    return Plugin()


def test_what_comes_during_a_call_waits_and_what_is_alike_is_one_call(
    plugin: Plugin, caplog: pytest.LogCaptureFixture
) -> None:
    async def notify() -> None:
        notices = PluginNotices()
        notices.add(plugin.finished, [1])
        assert await asyncio.to_thread(plugin.is_called.wait, LONG)
        for call, item in [(plugin.finished, 2), (plugin.finished, 3), (plugin.changed, 4), (plugin.finished, 5)]:
            notices.add(call, [item])
        await notices.wait(within=0.1)
        assert plugin.calls == [("finished", [1])]
        assert "4 items were not passed to the plugins in time" in caplog.text
        plugin.may_end.set()
        await notices.wait(within=LONG)

    asyncio.run(notify())

    assert plugin.calls == [("finished", [1]), ("finished", [2, 3]), ("changed", [4]), ("finished", [5])]


def test_a_slow_plugin_gets_no_call_that_grows_without_end(plugin: Plugin) -> None:
    async def notify() -> None:
        notices = PluginNotices()
        notices.add(plugin.finished, [0])
        assert await asyncio.to_thread(plugin.is_called.wait, LONG)
        for _ in range(5):
            notices.add(plugin.finished, list(range(MOST_AT_ONCE // 2)))
        notices.add(plugin.changed, list(range(2 * MOST_AT_ONCE + 1)))
        plugin.may_end.set()
        await notices.wait(within=LONG)

    asyncio.run(notify())

    finished = [len(items) for name, items in plugin.calls if name == "finished"]
    changed = [len(items) for name, items in plugin.calls if name == "changed"]
    assert finished == [1, MOST_AT_ONCE, MOST_AT_ONCE, MOST_AT_ONCE // 2]
    assert changed == [MOST_AT_ONCE, MOST_AT_ONCE, 1]


async def full_notices(plugin: Plugin, monkeypatch: pytest.MonkeyPatch) -> PluginNotices:
    """Return notices for a plugin that is being called, of which ten may wait."""
    monkeypatch.setattr(plugin_notices, "MOST_WAITING", 10)
    notices = PluginNotices()
    notices.add(plugin.finished, [0])
    assert await asyncio.to_thread(plugin.is_called.wait, LONG)
    return notices


def test_items_that_slow_plugins_miss_are_counted_in_the_log(
    plugin: Plugin, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def notify() -> None:
        notices = await full_notices(plugin, monkeypatch)
        for _ in range(4):
            notices.add(plugin.finished, [1] * 6)
        notices.add(plugin.changed, [2], always=True)
        assert missed() == [2]  # the others are reported after a minute, or at the end
        plugin.may_end.set()
        await notices.wait(within=LONG)
        notices.add(plugin.finished, [3])
        await notices.wait(within=LONG)

    def missed() -> list[object]:
        reports = [record for record in caplog.records if record.msg.startswith("the plugins cannot keep up")]
        return [report.args[0] for report in reports if isinstance(report.args, tuple)]

    asyncio.run(notify())

    assert plugin.calls == [("finished", [0]), ("finished", [1] * 10), ("changed", [2]), ("finished", [3])]
    assert missed() == [2, 12]


def test_items_that_a_hanging_plugin_misses_are_counted_at_the_end(
    plugin: Plugin, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def notify() -> None:
        notices = await full_notices(plugin, monkeypatch)
        for _ in range(3):
            notices.add(plugin.finished, [1] * 6)
        await notices.wait(within=0.1)
        plugin.may_end.set()
        await notices.wait(within=LONG)

    asyncio.run(notify())

    assert "the plugins cannot keep up: 6 items were not passed to them" in caplog.text
    assert "10 items were not passed to the plugins in time" in caplog.text


def test_a_call_that_fails_is_logged_and_the_next_one_is_made(plugin: Plugin, caplog: pytest.LogCaptureFixture) -> None:
    def fail(_: Sequence[int]) -> None:
        raise RuntimeError("the store is away")

    async def notify() -> None:
        notices = PluginNotices()
        notices.add(fail, [1, 2])
        notices.add(plugin.changed, [3])
        await notices.wait(within=LONG)

    plugin.may_end.set()
    asyncio.run(notify())

    assert plugin.calls == [("changed", [3])]
    assert "the plugins were not notified of 2 items" in caplog.text
    assert "the store is away" in caplog.text


def test_what_comes_when_all_was_passed_on_is_passed_on_too(plugin: Plugin) -> None:
    async def notify() -> None:
        notices = PluginNotices()
        for item in range(3):
            notices.add(plugin.changed, [item])
            await notices.wait(within=LONG)

    plugin.may_end.set()
    asyncio.run(notify())

    assert plugin.calls == [("changed", [item]) for item in range(3)]
