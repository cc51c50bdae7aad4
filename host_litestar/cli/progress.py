"""The progress of a broadcast, as a bar on a terminal or as plain lines; at the end, why messages were not sent."""

import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from rich.console import Console

from host_litestar.cli.errors import UnreachableError
from host_litestar.cli.output import describe_reason, describe_time
from host_litestar.cli.waiting import describe_waiting
from wabroadcast_core.models.status import ENDED_BROADCASTS, BroadcastStatus

if TYPE_CHECKING:
    from wabroadcast_core.models.broadcast import BroadcastProgress, BroadcastSummary
    from wabroadcast_core.models.broadcast_test import Rehearsal
    from wabroadcast_core.models.message import MessageView
    from wabroadcast_core.models.message_detail import MessageDetail
    from wabroadcast_core.models.preview import Preview
    from wabroadcast_core.models.upload import UploadView
    from wabroadcast_core.models.waiting import WaitingFor

POLL_SECONDS = 0.25
LINE_SECONDS = 5.0  # least time between two plain lines
UNREACHABLE_SECONDS = 60.0  # how long the server may be away before the command fails
MOST_LISTED = 20
MOST_COUNTED = 1_000
_SHOWN = ("sent", "delivered", "read", "failed", "unknown", "skipped", "retry", "paused", "cancelled")
_NOT_SENT = ("failed", "unknown", "skipped", "cancelled")


class Backend(Protocol):
    """What ``send`` works with: a server, or a broadcaster in this process."""

    def upload(self, path: Path) -> "UploadView": ...
    def tags(self) -> list[str]: ...
    def preview(self, draft: dict[str, Any]) -> "Preview": ...
    def submit(self, draft: dict[str, Any], *, key: str) -> "BroadcastSummary": ...
    def send_test(self, draft: dict[str, Any], test: dict[str, Any], *, key: str) -> "MessageDetail": ...
    def test_result(self, test_id: str) -> "MessageDetail": ...
    def rehearse(self, draft: dict[str, Any], *, key: str) -> "Rehearsal": ...
    def status(self, job_id: str) -> "BroadcastProgress": ...
    def messages(self, job_id: str, *, status: str, limit: int, with_rows: bool = False) -> "list[MessageView]": ...


def follow(backend: Backend, job_id: str, *, console: Console) -> "BroadcastProgress":
    """Show the progress of a broadcast until it has ended or is paused.

    :returns: the last progress.
    :raises RefusedError: the server responds with an error.
    :raises UnreachableError: the server does not answer for a minute.
    """
    if not console.is_terminal:
        return _poll(backend, job_id, show=_PlainLines(console).show)
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TextColumn("{task.fields[facts]}"))
    with Progress(*columns, console=console) as bar:
        task = bar.add_task("preparing", total=None, facts="")

        def show(progress: "BroadcastProgress") -> None:
            total = progress.total or None if progress.prepared else None
            done = round(progress.progress * progress.total)
            bar.update(
                task, description=progress.status.value, total=total, completed=done, facts=describe_progress(progress)
            )

        return _poll(backend, job_id, show=show)


def describe_progress(progress: "BroadcastProgress") -> str:
    """Return counts, the rate, the time of the start or the time left, and why messages wait, as one line."""
    counts = progress.counts.model_dump()
    parts = [f"{counts[name]} {name}" for name in _SHOWN if counts[name]] or [_describe_nothing(progress)]
    if counts["queued"]:
        parts.append(f"{counts['queued']} queued")
    starts_at = progress.scheduled_at if progress.status == BroadcastStatus.SCHEDULED else None
    if starts_at is not None:
        parts.append(f"starts {describe_time(starts_at)}")
    if progress.rate:
        parts.append(f"{progress.rate:.3g}/s")
    if progress.eta is not None:
        parts.append(f"{describe_seconds((progress.eta - datetime.now(UTC)).total_seconds())} left")
    waits = describe_waiting(_as_json(progress.waiting_for))
    if waits is not None and starts_at is None:
        parts.append(f"waiting: {waits}")
    return ", ".join(parts)


def _describe_nothing(progress: "BroadcastProgress") -> str:
    if progress.status not in ENDED_BROADCASTS:
        return "nothing sent yet"
    is_empty = progress.status == BroadcastStatus.COMPLETED and not progress.total
    return "the audience has no recipient" if is_empty else "nothing was sent"


def _as_json(cause: "WaitingFor | None") -> dict[str, Any] | None:
    return None if cause is None else cause.model_dump(mode="json")


def describe_seconds(seconds: float) -> str:
    """Return a duration for people, as ``2 h 1 min``; a negative one is 0 s."""
    left = max(0, round(seconds))
    hours, minutes = divmod(left // 60, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {left % 60} s" if minutes else f"{left} s"


def report(backend: Backend, progress: "BroadcastProgress", *, console: Console) -> None:
    """Print the result of a broadcast: how many messages were sent, which were not, and why."""
    print_line = _plain_printer(console)
    if progress.total:
        print_line(f"{progress.counts.sent} of {progress.total} sent")
    elif progress.status == BroadcastStatus.COMPLETED:
        print_line("no message was sent: the audience has no recipient")
    if progress.status_reason:
        print_line(f"{progress.status.value}: {progress.status_reason}")
    counts = progress.counts.model_dump()
    for reason, count in sorted(progress.skipped_by.items()):
        print_line(f"  skipped  {count:>7}  {reason}")
    for reason, count in progress.failed_by.items():
        print_line(f"  failed   {count:>7}  {reason}")
    if progress.failed_by:
        print_line("    what a reason means and what to do: `wabroadcast reasons CODE`")
    for status in _NOT_SENT:
        if counts[status]:
            if status not in {"skipped", "failed"}:  # those have exact counts by reason already
                _count_reasons(backend, progress.job_id, status, total=counts[status], print_line=print_line)
            _list_messages(backend, progress.job_id, status, total=counts[status], print_line=print_line)


def _count_reasons(
    backend: Backend, job_id: str, status: str, *, total: int, print_line: Callable[[str], None]
) -> None:
    messages = backend.messages(job_id, status=status, limit=MOST_COUNTED)
    part = "" if len(messages) == total else f" (of the first {MOST_COUNTED:,})"
    for reason, count in Counter(message.reason or "" for message in messages).most_common():
        print_line(f"  {status:<8} {count:>7}  {reason}{part}")


def _list_messages(
    backend: Backend, job_id: str, status: str, *, total: int, print_line: Callable[[str], None]
) -> None:
    for message in backend.messages(job_id, status=status, limit=MOST_LISTED, with_rows=True):
        cause = describe_reason(message.reason, message.detail) or status
        print_line(f"    {_place_of(message)}, {message.number or 'no number'}: {cause}")
    if total > MOST_LISTED:
        print_line(
            f"    and {total - MOST_LISTED} more {status}: see `wabroadcast messages {job_id} --status {status}`"
        )


def _place_of(message: "MessageView") -> str:
    """Return the row of the file, or else the place in the audience, from 1. A message id ends with it, from 0."""
    if message.row is not None:
        return f"row {message.row}"
    return f"recipient {int(message.message_id.rpartition('-')[2]) + 1}"


def _poll(backend: Backend, job_id: str, *, show: Callable[["BroadcastProgress"], None]) -> "BroadcastProgress":
    answered_at = time.monotonic()
    while True:
        try:
            progress = backend.status(job_id)
        except UnreachableError:
            if time.monotonic() - answered_at > UNREACHABLE_SECONDS:
                raise
        else:
            answered_at = time.monotonic()
            show(progress)
            if progress.status in ENDED_BROADCASTS or progress.status == BroadcastStatus.PAUSED:
                return progress
        time.sleep(POLL_SECONDS)


class _PlainLines:
    """Prints a line when the progress has changed, at most one every ``LINE_SECONDS``, and one at the end."""

    def __init__(self, console: Console) -> None:
        self._print_line = _plain_printer(console)
        self._last = ""
        self._next_at = 0.0

    def show(self, progress: "BroadcastProgress") -> None:
        line = f"{progress.status.value}: {describe_progress(progress)}"
        ended = progress.status in ENDED_BROADCASTS
        if line != self._last and (ended or time.monotonic() >= self._next_at):
            self._print_line(line)
            self._last = line
            self._next_at = time.monotonic() + LINE_SECONDS


def _plain_printer(console: Console) -> Callable[[str], None]:
    """Return a function that prints a text unchanged: without markup and without line breaks."""
    return lambda text: console.print(text, markup=False, highlight=False, soft_wrap=True)
