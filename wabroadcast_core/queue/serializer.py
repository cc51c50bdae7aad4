"""Tasks as JSON instead of pickle. So data in Redis can only name our tasks and contain plain values."""

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeAlias

from huey.registry import Message
from huey.serializer import Serializer

Plain: TypeAlias = str | int | float | bool | None


class TaskSerializer(Serializer):  # type: ignore[misc]  # huey has no types
    """Serializes a task's id, name, time, priority and arguments. Other parts of a task are refused.

    :param is_known: returns whether a name is that of a task.
    """

    def __init__(self, is_known: Callable[[str], bool]) -> None:
        super().__init__()
        self._is_known = is_known

    def _serialize(self, data: Any) -> bytes:
        if not isinstance(data, Message) or data.on_complete or data.on_error or data.chord_config:
            raise TypeError("a pipeline, a chord or another object cannot be queued: queue a plain task")
        fields = {
            "id": data.id,
            "task": data.name,
            "args": _plain_list(list(data.args)),
            "eta": data.eta.isoformat() if data.eta else None,
            "priority": data.priority,
        }
        return json.dumps(fields, separators=(",", ":")).encode()

    def _deserialize(self, data: bytes) -> Message:
        fields = _parse(data)
        task = fields.get("task")
        if not isinstance(task, str) or not self._is_known(task):
            raise ValueError("the name of the task is not known")
        eta, priority = fields.get("eta"), fields.get("priority")
        return Message(
            id=str(fields.get("id")),
            name=task,
            eta=_naive_time(eta) if isinstance(eta, str) else None,
            retries=0,
            retry_delay=0,
            priority=priority if isinstance(priority, int) else None,
            args=tuple(_plain_list(fields.get("args"))),
            kwargs={},
        )


def _parse(data: bytes) -> dict[str, Any]:
    try:
        fields = json.loads(data)
    except RecursionError:
        raise ValueError("the task is nested too deeply") from None
    if not isinstance(fields, dict):
        raise ValueError("the task is not a JSON object")  # noqa: TRY004 - the data is wrong, not an argument's type
    return fields


def _naive_time(text: str) -> datetime:
    """Parse a time of Huey, which is in UTC without a time zone. Huey could not compare it with one that has a zone."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is not None:
        raise ValueError("the time of the task has a time zone: it must be UTC without one")
    return moment


def _plain_list(values: Any) -> list[Plain]:
    if not isinstance(values, list) or not all(
        value is None or isinstance(value, str | int | float) for value in values
    ):
        raise ValueError("the arguments of the task are not a list of plain values")
    return values
