"""Tasks as JSON. No pickle crosses Redis: what Redis hands us may name only our tasks and hold only plain values."""

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeAlias

from huey.registry import Message
from huey.serializer import Serializer

Plain: TypeAlias = str | int | float | bool | None


class TaskSerializer(Serializer):  # type: ignore[misc]  # huey has no types
    """Writes a task's id, name, time, priority and arguments; everything else a task can carry is refused."""

    def __init__(self, is_known: Callable[[str], bool]) -> None:
        super().__init__()
        self._is_known = is_known

    def _serialize(self, data: Any) -> bytes:
        if not isinstance(data, Message) or data.on_complete or data.on_error or data.chord_config:
            raise TypeError("only plain tasks are queued")
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
            raise ValueError("not a task of ours")
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
        raise ValueError("not a task of ours") from None
    if not isinstance(fields, dict):
        raise ValueError("not a task of ours")  # noqa: TRY004 - what came is wrong, not how we were called
    return fields


def _naive_time(text: str) -> datetime:
    """Huey's times are UTC without saying so; one with a zone could not be compared with them."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is not None:
        raise ValueError("a task's time has no zone")
    return moment


def _plain_list(values: Any) -> list[Plain]:
    if not isinstance(values, list) or not all(
        value is None or isinstance(value, str | int | float) for value in values
    ):
        raise ValueError("a task's arguments are plain values")
    return values
