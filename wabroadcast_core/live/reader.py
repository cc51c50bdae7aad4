"""Reads what topics show, in one transaction for all of them."""

import time
from collections.abc import Collection, Mapping, Sequence
from typing import Final

from sqlalchemy import Connection, RowMapping

from wabroadcast_core.context import Context
from wabroadcast_core.live.listeners import OVERVIEW, LiveEvent, TopicKey
from wabroadcast_core.models.broadcast import (
    MOST_RUNNING,
    BroadcastProgress,
    LiveBroadcast,
    LiveOverview,
    RunningBroadcast,
)
from wabroadcast_core.models.status import ENDED_BROADCASTS
from wabroadcast_core.services.progress import read_progress
from wabroadcast_core.services.views import version_of
from wabroadcast_core.store import broadcasts as broadcast_store

ENDED_SECONDS: Final = 60.0  # for which the overview shows a broadcast that has ended


class TopicReader:
    """Reads the events of topics. For one thread at a time."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._overview = _Overview()

    def read(self, topics: Collection[TopicKey]) -> dict[TopicKey, LiveEvent]:
        """Return the present event of each topic; none for a broadcast that does not exist any more.

        :raises UnavailableError: the store cannot be reached.
        """
        with self._context.database.read() as conn:
            shown, total = self._overview.read(conn) if OVERVIEW in topics else ([], 0)
            known = {row["id"]: row for row in shown}
            missing = set(topics) - known.keys() - {OVERVIEW}
            if missing:
                known |= {row["id"]: row for row in broadcast_store.find_broadcasts(conn, missing)}
            rows = list(known.values())
            progress = dict(zip(known, read_progress(self._context, conn, rows), strict=True))
        events = {key: _broadcast_event(progress[key]) for key in topics if key in progress}
        if OVERVIEW in topics:
            events[OVERVIEW] = _overview_event(shown, progress, total=total)
        return events


class _Overview:
    """The broadcasts that the overview shows: those that run, and for a while those that have ended since."""

    def __init__(self) -> None:
        self._shown: set[int] = set()
        self._read_at = 0.0  # in seconds of the monotonic clock, like the following
        self._ended: dict[int, float] = {}  # until when they are shown

    def read(self, conn: Connection) -> tuple[list[RowMapping], int]:
        """Return the rows that are shown, the newest first, and how many broadcasts run."""
        running, total = broadcast_store.running_broadcasts(conn, limit=MOST_RUNNING)
        now, keys = time.monotonic(), {row["id"] for row in running}
        if now - self._read_at < ENDED_SECONDS:  # otherwise they may have ended long ago
            self._ended |= dict.fromkeys(self._shown - keys, now + ENDED_SECONDS)
        self._ended = {key: until for key, until in self._ended.items() if until > now and key not in keys}
        ended = broadcast_store.find_broadcasts(conn, self._ended) if self._ended else []
        rows = [*running, *(row for row in ended if row["status"] in ENDED_BROADCASTS)]
        self._shown, self._read_at = keys, now
        return sorted(rows, key=lambda row: -row["id"])[:MOST_RUNNING], total


def _broadcast_event(progress: BroadcastProgress) -> LiveEvent:
    content = LiveBroadcast(broadcast=progress)
    return LiveEvent(progress.version, content, content.model_dump_json(by_alias=True).encode())


def _overview_event(rows: Sequence[RowMapping], progress: Mapping[int, BroadcastProgress], *, total: int) -> LiveEvent:
    named = [RunningBroadcast(name=row["name"], **dict(progress[row["id"]])) for row in rows]
    content = LiveOverview(broadcasts=named, total=total)
    json = content.model_dump_json(by_alias=True).encode()
    return LiveEvent(version_of(json), content, json)
