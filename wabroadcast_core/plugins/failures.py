"""Failures of plugins in this process: counted by plugin and hook, with the last one."""

import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class HookFailures:
    """The failures of one hook of one plugin."""

    plugin: str
    hook: str
    count: int
    last: str
    """The last one: a type and a place in the code, without the text of an exception."""
    last_at: float
    """UNIX seconds."""

    def as_dict(self) -> dict[str, Any]:
        """Return the fields by name."""
        return asdict(self)


class Failures:
    """The failures since the start of this process. May be used from any thread."""

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._by_hook: dict[tuple[str, str], HookFailures] = {}

    def add(self, plugin: str, hook: str, fault: str) -> None:
        """Count a failure."""
        with self._lock:
            before = self._by_hook.get((plugin, hook))
            count = 1 if before is None else before.count + 1
            self._by_hook[plugin, hook] = HookFailures(plugin, hook, count, fault, self._now())

    def list(self) -> list[HookFailures]:
        """Return the failures by plugin and hook."""
        with self._lock:
            return [self._by_hook[key] for key in sorted(self._by_hook)]
