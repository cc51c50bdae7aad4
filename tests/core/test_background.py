"""Background tasks: their failures are logged, and they end even if they ignore a cancellation at first."""

import asyncio
import contextlib
import logging

import pytest

from tests.core.simulated import settle, simulated
from wabroadcast_core import background
from wabroadcast_core.background import BackgroundTasks, cancel_all


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


# --- background tasks --------------------------------------------------------------------------------------------


@simulated
async def test_a_background_task_runs_beside_other_work_until_it_ends() -> None:
    tasks, done = BackgroundTasks("counting"), asyncio.Event()
    tasks.spawn(done.wait())
    await settle()
    assert not tasks.is_idle

    done.set()
    await settle()
    assert tasks.is_idle


@simulated
async def test_a_background_task_that_fails_is_logged_with_its_purpose_and_stops_no_other(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def fail() -> None:
        raise ValueError("a bug")

    tasks, done = BackgroundTasks("counting"), asyncio.Event()
    tasks.spawn(done.wait())
    tasks.spawn(fail())
    await settle()

    assert [(record.levelno, record.message) for record in caplog.records] == [(logging.ERROR, "counting failed")]
    assert caplog.records[0].exc_info
    assert not tasks.is_idle
    await tasks.cancel()


@simulated
async def test_cancelled_background_tasks_have_ended_and_are_no_failures(caplog: pytest.LogCaptureFixture) -> None:
    tasks = BackgroundTasks("counting")
    tasks.spawn(asyncio.Event().wait())

    await tasks.cancel()

    assert tasks.is_idle
    assert caplog.records == []


@simulated
async def test_background_tasks_are_waited_for_no_longer_than_allowed() -> None:
    tasks, loop = BackgroundTasks("counting"), asyncio.get_running_loop()
    await tasks.wait(within=5)
    assert loop.time() == 0

    tasks.spawn(asyncio.sleep(3))
    await tasks.wait(within=5)
    assert (tasks.is_idle, loop.time()) == (True, 3)

    tasks.spawn(asyncio.sleep(60))
    await tasks.wait(within=5)
    assert (tasks.is_idle, loop.time()) == (False, 8)
    await tasks.cancel()


@pytest.mark.parametrize("error", [ValueError("x"), SystemExit(1), BaseException("x")], ids=["bug", "exit", "other"])
@simulated
async def test_a_task_that_must_live_is_started_again_until_it_returns(
    caplog: pytest.LogCaptureFixture, error: BaseException
) -> None:
    endings: list[BaseException | None] = [error, error, None]

    async def work() -> None:
        await asyncio.sleep(0.1)
        if (ending := endings.pop(0)) is not None:
            raise ending

    tasks = BackgroundTasks("background work")
    tasks.keep(work, what="listening")
    await tasks.wait_all()

    assert endings == []
    assert caplog.text.count("listening failed; it is started again") == 2
