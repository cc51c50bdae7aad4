"""The rows of a file that the messages of a broadcast come from. A message stores only its position in the audience."""

import logging
import time
from collections.abc import Collection, Mapping
from typing import Any

from wabroadcast_core.audience.sources import ReadingEnd, open_source, read_source
from wabroadcast_core.context import Context
from wabroadcast_core.errors import BroadcastError
from wabroadcast_core.plugin_faults import describe_fault

log = logging.getLogger(__name__)

LONGEST_SECONDS = 10.0
_CHECKED_ROWS = 1_000  # rows between two looks at the clock


def find_rows(context: Context, source: Mapping[str, Any], positions: Collection[int]) -> dict[int, int]:
    """Return the row of each position of an audience, by reading the audience again up to the last of them.

    A position has no row if its source has none, does not yield the same rows again or cannot be read any more, or if
    the time is up before.

    :param source: the ``source`` of the broadcast.
    :param positions: from 0.
    """
    found: dict[int, int] = {}
    last, deadline = max(positions, default=0), time.monotonic() + LONGEST_SECONDS
    end = ReadingEnd(lambda: time.monotonic() > deadline)
    try:
        opened = open_source(context, source, is_over=end)
        if not positions or not opened.repeatable:
            return found
        with read_source(context, opened, seconds=context.settings.plugin_seconds) as reader:
            for position, row in enumerate(reader.rows()):
                if position in positions and row.row is not None:
                    found[position] = row.row
                if position == last or (position % _CHECKED_ROWS == 0 and end()):
                    break
    except BroadcastError:  # the file is damaged there or was deleted, or its plugin is gone: the rows before are known
        return found
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a bug of the source: the messages are shown without rows
        log.error("the rows of an audience are not shown, because its source failed: %s", describe_fault(error))  # noqa: TRY400 - its text may hold anything
    return found
