"""Connections that several processes save when they start: one creates each, the others find it."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.store import connections as connection_store

SAVED = {"sender": "sandbox", "settings": {"latencySeconds": 0.1}}
PROCESSES = 6


def acts_of(broadcaster: Broadcaster, name: str) -> list[str]:
    return [act.action for act in broadcaster.activity.list(object_id=name).items]


@pytest.mark.parametrize(
    ("name", "save"),
    [
        pytest.param("shop", lambda broadcaster: broadcaster.connections.save("shop", SAVED), id="save"),
        pytest.param("sandbox", lambda broadcaster: broadcaster.connections.ensure_first(), id="first-start"),
    ],
)
def test_a_connection_that_another_process_is_creating_is_changed(
    broadcaster: Broadcaster, name: str, save: Callable[[Broadcaster], object]
) -> None:
    context = broadcaster.context
    for present in broadcaster.connections.list():
        broadcaster.connections.delete(present.name)
    sealed = context.vault.seal({})
    with ThreadPoolExecutor(1) as other:
        with context.database.write() as conn:
            connection_store.add_connection(conn, name, sender="sandbox", settings=sealed, limits={}, now=time.time())
            saving = other.submit(save, broadcaster)
            time.sleep(0.5)  # until it waits for this transaction
        saving.result()

    assert [present.name for present in broadcaster.connections.list()] == [name]
    assert broadcaster.connections.get(name).settings == (SAVED["settings"] if name == "shop" else {})


def test_many_first_saves_at_once_succeed_and_are_one_act(broadcaster: Broadcaster) -> None:
    barrier = threading.Barrier(PROCESSES)

    def save(_: int) -> str:
        barrier.wait()
        return broadcaster.connections.save("shop", SAVED).name

    with ThreadPoolExecutor(PROCESSES) as processes:
        assert [*processes.map(save, range(PROCESSES))] == ["shop"] * PROCESSES

    assert acts_of(broadcaster, "shop") == ["save"]


def test_a_save_and_a_choice_that_change_nothing_are_no_acts(broadcaster: Broadcaster) -> None:
    for _ in range(2):
        broadcaster.connections.save("shop", SAVED)
        broadcaster.connections.set_default("shop")
    broadcaster.connections.save("shop", SAVED | {"rate": {"messages": 5}})
    broadcaster.connections.save("shop", SAVED | {"rate": {"messages": 5}})
    broadcaster.connections.set_default("sandbox")
    broadcaster.connections.set_default("shop")

    assert acts_of(broadcaster, "shop") == ["default", "save", "default", "save"]
