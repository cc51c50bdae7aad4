"""A log of events in a file, one JSON object a line.

Hooks: wab_messages_finished, wab_receipts, wab_broadcast_changed, wab_inbound. Settings: WABROADCAST_EVENT_LOG (off
without it), WABROADCAST_EVENT_LOG_NUMBERS.

==================  ==================================================================================================
event               fields beside ``at`` (RFC 3339, UTC) and ``event``
==================  ==================================================================================================
message.finished    jobId, messageId, number, status, reason, connection, isRehearsal
message.receipt     jobId, messageId, number, kind, happenedAt, reason, connection, isRehearsal
broadcast.changed   jobId, name, status, statusReason, priority, connection, total, counts, purpose
message.received    connection, number, receivedAt, characters, isReply, preference; never the text
==================  ==================================================================================================

Numbers are masked unless the setting says ``full``; full ones stay in the file when a person is erased. Any number of
threads and processes of one host may write to the file. It has to be on a local disk: over NFS lines may be mixed. It
may be rotated at any moment, by a rename or by copying and truncating it. Events that cannot be written, as on a
full disk, are lost: the process logs this once, and their number as soon as it can write again.
"""

import errno
import json
import logging
import os
import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from wabroadcast_core import BroadcastSummary, FinishedMessage, Inbound, MessageReceipt, Settings, hookimpl, mask_number
from wabroadcast_plugins.settings import read_plugin_settings

log = logging.getLogger(__name__)

SETTINGS: Final = ("WABROADCAST_EVENT_LOG", "WABROADCAST_EVENT_LOG_NUMBERS")
FILE_MODE: Final = 0o640
# O_NONBLOCK: a named pipe without a reader raises an error instead of holding up the worker
OPEN_FLAGS: Final = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK


class EventLog:
    """An observer that appends events to a file.

    :param path: the file; it is created with the first event.
    :param full_numbers: write phone numbers in full instead of masked.
    """

    def __init__(self, path: Path, *, full_numbers: bool = False) -> None:
        self._path = path
        self._full_numbers = full_numbers
        self._lock = threading.Lock()
        self._lost = 0  # events, since the last one that was written
        self._is_torn = False  # the last write ended inside a line

    @hookimpl
    def wab_messages_finished(self, results: Sequence[FinishedMessage]) -> None:
        self._append(
            [
                {
                    "event": "message.finished",
                    "jobId": result.job_id,
                    "messageId": result.message_id,
                    "number": self._show(result.number),
                    "status": result.status,
                    "reason": result.reason,
                    "connection": result.connection,
                    "isRehearsal": result.is_rehearsal,
                }
                for result in results
            ]
        )

    @hookimpl
    def wab_receipts(self, receipts: Sequence[MessageReceipt]) -> None:
        self._append(
            [
                {
                    "event": "message.receipt",
                    "jobId": receipt.job_id,
                    "messageId": receipt.message_id,
                    "number": self._show(receipt.number),
                    "kind": receipt.kind,
                    "happenedAt": _as_text(datetime.fromtimestamp(receipt.at, UTC)),
                    "reason": receipt.reason,
                    "connection": receipt.connection,
                    "isRehearsal": receipt.is_rehearsal,
                }
                for receipt in receipts
            ]
        )

    @hookimpl
    def wab_broadcast_changed(self, broadcast: BroadcastSummary) -> None:
        shown = {"job_id", "name", "status", "status_reason", "priority", "connection", "total", "counts", "purpose"}
        self._append([{"event": "broadcast.changed", **broadcast.model_dump(mode="json", include=shown)}])

    @hookimpl
    def wab_inbound(self, message: Inbound, connection: str) -> None:
        self._append(
            [
                {
                    "event": "message.received",
                    "connection": connection,
                    "number": self._show(message.number),
                    "receivedAt": _as_text(datetime.fromtimestamp(message.at, UTC)),
                    "characters": len(message.text),
                    "isReply": message.reply_to is not None,  # the provider's ids may contain the number
                    "preference": message.preference,
                }
            ]
        )

    def _show(self, number: str) -> str:
        return number if self._full_numbers else mask_number(number)

    def _append(self, events: Sequence[dict[str, Any]]) -> None:
        """Append events, or log that they are lost. Never raises because of the file."""
        if not events:
            return
        at = _as_text(datetime.now(UTC))
        lines = "".join(f"{json.dumps({'at': at, **event}, ensure_ascii=False)}\n" for event in events)
        with self._lock:
            try:
                self._write(lines.encode(errors="replace"))
            except OSError as error:
                self._on_failure(error, len(events))
            else:
                self._on_success()

    def _write(self, lines: bytes) -> None:
        """Append whole lines by one call, which the kernel does not mix with those of other writers.

        The file is opened anew each time: so a rotated log is left at once, and no descriptor has to be closed later.

        :raises OSError: not all of it was written.
        """
        descriptor = os.open(self._path, OPEN_FLAGS, FILE_MODE)
        try:
            lines = b"\n" + lines if self._is_torn else lines
            written = os.write(descriptor, lines)
        finally:
            os.close(descriptor)
        self._is_torn = written < len(lines) and not lines[:written].endswith(b"\n")
        if written < len(lines):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def _on_failure(self, error: OSError, count: int) -> None:
        if not self._lost:
            log.error(
                "the event log %s cannot be written (%s): events are lost until it can", self._path, error.strerror
            )
        self._lost += count

    def _on_success(self) -> None:
        if self._lost:
            log.warning("the event log %s is written again; %d events were lost", self._path, self._lost)
        self._lost = 0


def create_plugin(settings: Settings) -> EventLog | None:  # noqa: ARG001 - every plugin is created like this
    """Return the plugin, or None where no file is set.

    :raises SetupError: a setting of the built-in plugins does not fit.
    """
    own = read_plugin_settings()
    return None if own.event_log is None else EventLog(own.event_log, full_numbers=own.event_log_numbers == "full")


def _as_text(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
