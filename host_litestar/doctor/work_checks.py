"""The examination of what works with the store and Redis: workers, clocks, webhooks, callbacks, connections."""

import socket
import time
from collections.abc import Iterator

from host_litestar.doctor.findings import Finding, fault, fault_of, judge, ok, warning
from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.context import Context
from wabroadcast_core.errors import BroadcastError
from wabroadcast_core.metrics.shared_totals import SharedTotals
from wabroadcast_core.models.amounts import count_of
from wabroadcast_core.models.connection import ConnectionView
from wabroadcast_core.models.status import ConnectionState
from wabroadcast_core.store import backlog
from wabroadcast_core.store import callbacks as callback_store
from wabroadcast_core.store import connections as connection_store
from wabroadcast_core.store import workers as worker_store

WRONG_CLOCK = 2.0  # seconds by which a host's clock may differ from Redis' clock
BAD_CLOCK = 60.0  # signatures of webhooks have their time, and are refused beyond some minutes
OLD_CALL = 120.0  # seconds that a webhook call may wait
OLD_CALLBACK = 600.0  # seconds that a callback may wait
QUIET = 3_600.0  # seconds after a send without any receipt


def examine_workers(context: Context) -> Iterator[Finding]:
    """Yield whether workers are alive, and how far the clocks of their hosts are from that of Redis."""
    with context.database.read() as conn:
        workers = worker_store.open_workers(conn)
        waiting = sum(found.queued + found.retry for found in backlog.waiting_messages(conn).values())
    totals = SharedTotals(context.redis, context.keys)
    alive = totals.count_alive(workers)
    remedy = "start `wabroadcast serve` or `wabroadcast worker`"
    if alive:
        yield ok("workers", f"{alive} alive")
    elif waiting:
        yield fault(
            "workers", f"none is alive, and {count_of(waiting, 'message waits', several='messages wait')}", remedy
        )
    else:
        yield warning("workers", "none is alive", remedy)
    offsets = totals.clock_offsets() | {socket.gethostname(): time.time() - _redis_time(context)}
    for host, offset in sorted(offsets.items()):
        yield judge(
            "clocks",
            f"the clock of {host} differs by {offset:+.2f} s from Redis' clock",
            abs(offset),
            warn_from=WRONG_CLOCK,
            fault_from=BAD_CLOCK,
            remedy="let both hosts set their clocks by NTP",
        )


def _redis_time(context: Context) -> float:
    seconds, microseconds = context.redis.time()
    return float(seconds) + float(microseconds) / 1e6


def examine_connections(broadcaster: Broadcaster) -> Iterator[Finding]:
    """Yield the state of each connection, as its provider reports it, and when its last receipt came."""
    now = broadcaster.context.clock.now()
    with broadcaster.context.database.read() as conn:
        last_starts = backlog.last_starts(conn, now=now)
        rows = {row["name"]: row for row in connection_store.list_connections(conn)}
    for connection in broadcaster.connections.list():
        part = f"connection {connection.name}"
        if connection.state is not ConnectionState.ACTIVE:
            yield _paused(part, connection)
        yield from _tested(part, connection, broadcaster)
        row = rows[connection.name]
        yield from _receipts(part, row["last_receipt_at"], last_starts.get(row["id"]), now=now)


def _paused(part: str, connection: ConnectionView) -> Finding:
    reason = f" ({connection.state_reason})" if connection.state_reason else ""
    return warning(part, f"it is paused{reason}", f"`wabroadcast connections resume {connection.name}`")


def _tested(part: str, connection: ConnectionView, broadcaster: Broadcaster) -> Iterator[Finding]:
    sender = broadcaster.plugins.senders.get(connection.sender)
    if sender is None:
        yield fault(part, f"its sender {connection.sender} is not installed", "install the plugin that provides it")
        return
    if not hasattr(sender, "check_connection"):
        yield ok(part, f"the sender {connection.sender} cannot report the state of its account")
        return
    try:
        test = broadcaster.connections.test(connection.name)
    except BroadcastError as error:
        yield fault_of(part, str(error))
        return
    if test.state == "up":
        yield ok(part, f"up: {test.reason}")
    else:
        yield fault(part, f"{test.state}: {test.reason}", f"see `wabroadcast connections show {connection.name}`")


def _receipts(part: str, receipt_at: float | None, started_at: float | None, *, now: float) -> Iterator[Finding]:
    """Yield when a receipt came last: if messages have left since, and none came, the webhook may be wrong."""
    fact = "no receipt has come yet" if receipt_at is None else f"the last receipt came {_ago(now - receipt_at)}"
    if started_at is None:
        return
    if started_at - (receipt_at or 0.0) > QUIET:
        yield warning(part, f"{fact}, and messages have left since", "check the webhook's address at the provider")
    else:
        yield ok(part, fact)


def examine_webhooks(context: Context) -> Iterator[Finding]:
    """Yield how long webhook calls wait."""
    with context.database.read() as conn:
        _, oldest_at = backlog.webhook_backlog(conn)
    age = 0.0 if oldest_at is None else max(0.0, context.clock.now() - oldest_at)
    fact = f"the oldest unprocessed call came {_ago(age)}" if oldest_at is not None else "all calls are processed"
    yield judge("webhooks", fact, age, warn_from=OLD_CALL, remedy="start workers, and see their log")


def examine_callbacks(context: Context) -> Iterator[Finding]:
    """Yield how long callbacks wait, and whether they can be signed."""
    with context.database.read() as conn:
        amount, oldest_at = callback_store.backlog(conn)
    remedy = "see `wabroadcast callbacks list --status pending`"
    if amount and not context.settings.callback_secrets:
        yield warning("callbacks", f"{amount:,} wait, and no secret is set", "set WABROADCAST_CALLBACK_SECRET")
        return
    age = 0.0 if oldest_at is None else max(0.0, context.clock.now() - oldest_at)
    fact = f"{amount:,} wait, the oldest of {_ago(age)}" if amount else "none waits"
    yield judge("callbacks", fact, age, warn_from=OLD_CALLBACK, remedy=remedy)


def _ago(seconds: float) -> str:
    for unit, length in (("days", 86_400.0), ("hours", 3_600.0), ("minutes", 60.0)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit} ago"
    return f"{seconds:.0f} s ago"
