"""Huey logs two lines for each task. Those of our tasks are dropped: our own log says what they do, in words."""

import logging
import re
from typing import Final

from huey.api import Task

TASK_PREFIX: Final = "wab_"  # of the names of our tasks
_TASK_ID: Final = re.compile(r"(prepare|turn|sweep|webhooks|callbacks|import)-[\w-]+")


class OwnTaskFilter(logging.Filter):
    """Drops the lines about our tasks that are no warnings; those about tasks of the host pass."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether a line passes."""
        arguments = record.args if isinstance(record.args, tuple) else ()
        return record.levelno > logging.INFO or not any(_is_ours(each) for each in arguments)


def _is_ours(argument: object) -> bool:
    if isinstance(argument, Task):
        return str(argument.name).startswith(TASK_PREFIX)
    return isinstance(argument, str) and _TASK_ID.fullmatch(argument) is not None


_FILTER: Final = OwnTaskFilter()


def quiet_own_tasks() -> None:
    """Drop Huey's lines about our tasks from now on; a second call changes nothing."""
    logging.getLogger("huey").addFilter(_FILTER)
