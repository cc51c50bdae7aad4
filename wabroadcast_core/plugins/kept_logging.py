"""The logging of the process, kept as it is while plugins are loaded: one that silences it would hide all faults."""

import logging
from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, slots=True)
class LoggingState:
    """What ``logging.basicConfig``, ``logging.disable`` and the like change of the root logger."""

    level: int
    handlers: tuple[logging.Handler, ...]
    disabled: int

    @classmethod
    def read(cls) -> Self:
        """Return the present state."""
        root = logging.getLogger()
        return cls(root.level, tuple(root.handlers), root.manager.disable)

    def restore(self) -> bool:
        """Undo what was changed since.

        :returns: whether anything was.
        """
        if self == LoggingState.read():
            return False
        root = logging.getLogger()
        root.setLevel(self.level)
        root.handlers[:] = self.handlers
        logging.disable(self.disabled)
        return True
