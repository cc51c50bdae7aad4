"""The examination of what works with the store and Redis: workers, clocks, webhooks, callbacks, connections."""

import socket
import time
from collections.abc import Iterator

from host_litestar.doctor.findings import Finding, fault, fault_of, judge, ok, warning
from host_litestar.doctor.texts import say
from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.context import Context
from wabroadcast_core.errors import BroadcastError
from wabroadcast_core.metrics.shared_totals import SharedTotals
from wabroadcast_core.models.connection import ConnectionView
from wabroadcast_core.models.status import ConnectionState
from wabroadcast_core.sentences import Sentence
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
    remedy = say("start_workers")
    if alive:
        yield ok("workers", say("workers_alive", n=alive))
    elif waiting:
        yield fault("workers", say("no_workers_for", n=waiting), remedy)
    else:
        yield warning("workers", say("no_workers"), remedy)
    offsets = totals.clock_offsets() | {socket.gethostname(): time.time() - _redis_time(context)}
    for host, offset in sorted(offsets.items()):
        yield judge(
            "clocks",
            say("clock", host=host, seconds=round(offset, 2) or 0),  # never -0.0
            abs(offset),
            warn_from=WRONG_CLOCK,
            fault_from=BAD_CLOCK,
            remedy=say("set_clocks"),
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
    reason = connection.state_reason
    fact = say("connection_paused_for", reason=reason) if reason else say("connection_paused")
    return warning(part, fact, say("resume_connection", name=connection.name))


def _tested(part: str, connection: ConnectionView, broadcaster: Broadcaster) -> Iterator[Finding]:
    sender = broadcaster.plugins.senders.get(connection.sender)
    if sender is None:
        yield fault(part, say("sender_not_installed", sender=connection.sender), say("install_sender"))
        return
    if not hasattr(sender, "check_connection"):
        yield ok(part, say("sender_cannot_report", sender=connection.sender))
        return
    try:
        test = broadcaster.connections.test(connection.name)
    except BroadcastError as error:
        yield fault_of(part, str(error))
        return
    if test.state == "up":
        yield ok(part, say("account_up", detail=test.reason))
    else:
        fact = say(f"account_{test.state}", detail=test.reason)
        yield fault(part, fact, say("show_connection", name=connection.name))


def _receipts(part: str, receipt_at: float | None, started_at: float | None, *, now: float) -> Iterator[Finding]:
    """Yield when a receipt came last: if messages have left since, and none came, the webhook may be wrong."""
    if started_at is None:
        return
    code = "no_receipt" if receipt_at is None else "last_receipt"
    values = {} if receipt_at is None else {"ago": _ago(now - receipt_at)}
    if started_at - (receipt_at or 0.0) > QUIET:
        yield warning(part, say(f"{code}_but_sent", **values), say("check_webhook"))
    else:
        yield ok(part, say(code, **values))


def examine_webhooks(context: Context) -> Iterator[Finding]:
    """Yield how long webhook calls wait."""
    with context.database.read() as conn:
        _, oldest_at = backlog.webhook_backlog(conn)
    age = 0.0 if oldest_at is None else max(0.0, context.clock.now() - oldest_at)
    fact = say("calls_processed") if oldest_at is None else say("oldest_call", ago=_ago(age))
    yield judge("webhooks", fact, age, warn_from=OLD_CALL, remedy=say("workers_see_log"))


def examine_callbacks(context: Context) -> Iterator[Finding]:
    """Yield how long callbacks wait, and whether they can be signed."""
    with context.database.read() as conn:
        amount, oldest_at = callback_store.backlog(conn)
    remedy = say("list_callbacks")
    if amount and not context.settings.callback_secrets:
        yield warning("callbacks", say("callbacks_unsigned", n=amount), say("set_callback_secret"))
        return
    age = 0.0 if oldest_at is None else max(0.0, context.clock.now() - oldest_at)
    fact = say("callbacks_wait", n=amount, ago=_ago(age)) if amount else say("no_callbacks")
    yield judge("callbacks", fact, age, warn_from=OLD_CALLBACK, remedy=remedy)


def _ago(seconds: float) -> Sentence:
    for unit, length in (("days", 86_400.0), ("hours", 3_600.0), ("minutes", 60.0)):
        if seconds >= 2 * length:
            return say(f"{unit}_ago", n=round(seconds / length))
    return say("seconds_ago", n=round(seconds))
