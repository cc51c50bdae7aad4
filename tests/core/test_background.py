"""Tasks end, also those that do not hear a cancellation at once."""

import asyncio
import contextlib
import logging

import pytest

from wabroadcast_core import background
from wabroadcast_core.background import cancel_all


async def deaf(times: int) -> None:
    """Swallows so many cancellations."""
    for _ in range(times):
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(3_600)
    await asyncio.sleep(3_600)


def test_tasks_that_swallow_cancellations_end_all_the_same() -> None:
    async def work() -> None:
        tasks = [asyncio.create_task(deaf(times)) for times in (0, 1, 2)]
        await asyncio.sleep(0)

        await cancel_all(tasks)

        assert all(task.cancelled() for task in tasks)

    asyncio.run(work())


def test_what_never_ends_is_given_up_and_named(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(background, "LONGEST_CANCEL_SECONDS", 2 * background.CANCEL_AGAIN_SECONDS)

    async def work() -> None:
        task = asyncio.create_task(deaf(2))
        await asyncio.sleep(0)

        await cancel_all([task])

        assert not task.done()
        await cancel_all([task])

    with caplog.at_level(logging.ERROR, logger=background.__name__):
        asyncio.run(work())

    assert caplog.messages == ["1 tasks did not end although they were cancelled"]


def test_nothing_to_cancel_is_fine() -> None:
    asyncio.run(cancel_all([]))
