"""Which tasks can be stored in Redis, and which data in Redis is accepted as a task."""

import json
import pickle
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from huey.registry import Message
from hypothesis import given
from hypothesis import strategies as st

from wabroadcast_core.queue.serializer import TaskSerializer

NAME = "wab.wab_turn"
SERIALIZER = TaskSerializer(lambda name: name == NAME)
PLAIN = st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False) | st.text()


@given(
    st.text(),
    st.lists(PLAIN).map(tuple),
    st.none() | st.datetimes(),
    st.none() | st.integers(0, 10),
)
def test_a_task_comes_back_as_it_was(
    key: str, arguments: tuple[Any, ...], eta: datetime | None, priority: int | None
) -> None:
    task = Message(id=key, name=NAME, eta=eta, priority=priority, args=arguments, kwargs={})

    back = SERIALIZER.deserialize(SERIALIZER.serialize(task))

    assert (back.id, back.name, back.eta, back.priority, back.args) == (key, NAME, eta, priority, arguments)
    assert (back.kwargs, back.retries, back.on_complete, back.on_error) == ({}, 0, None, None)


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda: Message(id="1", name=NAME, args=({"a": 1},)), id="a-mapping"),
        pytest.param(lambda: Message(id="1", name=NAME, args=([1],)), id="a-list"),
        pytest.param(lambda: Message(id="1", name=NAME, args=(b"x",)), id="bytes"),
        pytest.param(lambda: Message(id="1", name=NAME, args=(), on_complete=object()), id="a-pipeline"),
        pytest.param(lambda: {"id": "1"}, id="no-task"),
    ],
)
def test_a_task_that_is_not_plain_is_not_queued(make: Callable[[], Any]) -> None:
    with pytest.raises((TypeError, ValueError)):
        SERIALIZER.serialize(make())


class _Bomb:
    def __reduce__(self) -> tuple[Any, ...]:
        return (pytest.fail, ("a payload was run",))


@pytest.mark.parametrize(
    "payload",
    [
        pytest.param(pickle.dumps(_Bomb()), id="a-pickle"),
        pytest.param(b"", id="nothing"),
        pytest.param(b"\xff\xfe{}", id="no-text"),
        pytest.param(b"[" * 100_000, id="nested-too-deep"),
        pytest.param(b"[]", id="a-list"),
        pytest.param(b"null", id="null"),
        pytest.param(json.dumps({"task": "os.system", "args": ["true"]}).encode(), id="another-task"),
        pytest.param(json.dumps({"task": [NAME], "args": []}).encode(), id="a-name-that-is-a-list"),
        pytest.param(json.dumps({"args": []}).encode(), id="no-name"),
        pytest.param(json.dumps({"task": NAME}).encode(), id="no-arguments"),
        pytest.param(json.dumps({"task": NAME, "args": {"a": 1}}).encode(), id="named-arguments"),
        pytest.param(json.dumps({"task": NAME, "args": [[1]]}).encode(), id="an-argument-that-is-a-list"),
        pytest.param(json.dumps({"task": NAME, "args": [1], "eta": "soon"}).encode(), id="an-invalid-time"),
        pytest.param(
            json.dumps({"task": NAME, "args": [1], "eta": "2026-12-01T00:00:00+00:00"}).encode(), id="a-time-with-zone"
        ),
    ],
)
def test_data_that_is_no_known_task_is_refused(payload: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - several types; huey logs any of them
        SERIALIZER.deserialize(payload)


def test_other_fields_of_a_payload_are_ignored() -> None:
    payload = {
        "id": 7,
        "task": NAME,
        "args": [1],
        "kwargs": {"x": 1},
        "retries": 9,
        "on_error": "boom",
        "priority": "x",
    }

    task = SERIALIZER.deserialize(json.dumps(payload).encode())

    assert (task.id, task.args, task.kwargs, task.retries, task.on_error, task.priority) == (
        "7",
        (1,),
        {},
        0,
        None,
        None,
    )
