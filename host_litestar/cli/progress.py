"""Shows how a broadcast goes: a bar on a terminal, else plain lines; in the end who was not sent to, and why."""

import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

from host_litestar.cli.errors import UnreachableError
from wabroadcast_core.models.broadcast import BroadcastProgress, BroadcastSummary
from wabroadcast_core.models.message import MessageView
from wabroadcast_core.models.preview import Preview
from wabroadcast_core.models.status import ENDED_BROADCASTS, BroadcastStatus
from wabroadcast_core.models.upload import UploadView

LOOK_SECONDS = 0.25
LINE_SECONDS = 5.0  # between plain lines
PATIENCE_SECONDS = 60.0  # with a server that went away while we look
MOST_LISTED = 20
_SHOWN = ("sent", "delivered", "failed", "unknown", "skipped", "retry", "paused", "cancelled")
_NOT_SENT = ("failed", "unknown", "skipped", "cancelled")


class Backend(Protocol):
    """A server, or the engine in this process."""

    def upload(self, path: Path) -> UploadView: ...
    def preview(self, draft: dict[str, Any]) -> Preview: ...
    def submit(self, draft: dict[str, Any], *, key: str) -> BroadcastSummary: ...
    def status(self, job_id: str) -> BroadcastProgress: ...
    def messages(self, job_id: str, *, status: str, limit: int) -> list[MessageView]: ...


def follow(backend: Backend, job_id: str, *, console: Console) -> BroadcastProgress:
    """Show the progress until the broadcast has ended or is paused."""
    if not console.is_terminal:
        return _poll(backend, job_id, show=_PlainLines(console).show)
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TextColumn("{task.fields[facts]}"))
    with Progress(*columns, console=console) as bar:
        task = bar.add_task("preparing", total=None, facts="")

        def show(progress: BroadcastProgress) -> None:
            total = progress.total or None if progress.prepared else None
            done = round(progress.progress * progress.total)
            bar.update(
                task, description=progress.status.value, total=total, completed=done, facts=describe_progress(progress)
            )

        return _poll(backend, job_id, show=show)


def describe_progress(progress: BroadcastProgress) -> str:
    """Counts by status, the rate and the time left, in one line."""
    counts = progress.counts.model_dump()
    parts = [f"{counts[name]} {name}" for name in _SHOWN if counts[name]] or ["nothing sent yet"]
    if progress.rate:
        parts.append(f"{progress.rate:.3g}/s")
    if progress.eta is not None:
        parts.append(f"{describe_seconds((progress.eta - datetime.now(UTC)).total_seconds())} left")
    return ", ".join(parts)


def describe_seconds(seconds: float) -> str:
    left = max(0, round(seconds))
    hours, minutes = divmod(left // 60, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {left % 60} s" if minutes else f"{left} s"


def report(backend: Backend, progress: BroadcastProgress, *, console: Console) -> None:
    """Say how it ended: who was not sent to, and why."""
    say = _plain_printer(console)
    say(f"{progress.counts.sent} of {progress.total} sent")
    if progress.status_reason:
        say(f"{progress.status.value}: {progress.status_reason}")
    counts = progress.counts.model_dump()
    for reason, number in sorted(progress.skipped_by.items()):
        say(f"  skipped  {number:>7}  {reason}")
    for status in _NOT_SENT:
        if counts[status]:
            _list_messages(backend, progress.job_id, status, total=counts[status], say=say)


def _list_messages(backend: Backend, job_id: str, status: str, *, total: int, say: Callable[[str], None]) -> None:
    messages = backend.messages(job_id, status=status, limit=1_000)
    reasons = Counter(message.reason or "" for message in messages)
    if status != "skipped":  # those have exact counts
        about = "" if len(messages) == total else " of the first 1,000"
        for reason, number in reasons.most_common():
            say(f"  {status:<8} {number:>7}  {reason}{about}")
    for message in messages[:MOST_LISTED]:
        why = ": ".join(part for part in (message.reason, message.detail) if part)
        say(f"    recipient {_place_of(message)}, {message.number or 'no number'}: {why or status}")
    if total > MOST_LISTED:
        say(f"    and {total - MOST_LISTED} more {status}")


def _place_of(message: MessageView) -> int:
    """Its place in the audience, counted from 1: message ids end with it."""
    return int(message.message_id.rpartition("-")[2]) + 1


def _poll(backend: Backend, job_id: str, *, show: Callable[[BroadcastProgress], None]) -> BroadcastProgress:
    answered_at = time.monotonic()
    while True:
        try:
            progress = backend.status(job_id)
        except UnreachableError:
            if time.monotonic() - answered_at > PATIENCE_SECONDS:
                raise
        else:
            answered_at = time.monotonic()
            show(progress)
            if progress.status in ENDED_BROADCASTS or progress.status == BroadcastStatus.PAUSED:
                return progress
        time.sleep(LOOK_SECONDS)


class _PlainLines:
    """A line when something changed, at most one in a while."""

    def __init__(self, console: Console) -> None:
        self._say = _plain_printer(console)
        self._last = ""
        self._next_at = 0.0

    def show(self, progress: BroadcastProgress) -> None:
        line = f"{progress.status.value}: {describe_progress(progress)}"
        ended = progress.status in ENDED_BROADCASTS
        if line != self._last and (ended or time.monotonic() >= self._next_at):
            self._say(line)
            self._last = line
            self._next_at = time.monotonic() + LINE_SECONDS


def _plain_printer(console: Console) -> Callable[[str], None]:
    """Text as it is: no markup is read in it, no line is broken."""
    return lambda text: console.print(text, markup=False, highlight=False, soft_wrap=True)
