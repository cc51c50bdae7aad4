"""Models of the API, built from rows of the store."""

from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Any

from wabroadcast_core.models.base import as_utc
from wabroadcast_core.models.broadcast import (
    Act,
    BroadcastDetail,
    BroadcastDraft,
    BroadcastProgress,
    BroadcastSummary,
    Counts,
    ListedBroadcast,
)
from wabroadcast_core.models.connection import ConnectionUse, ConnectionView, Limits, PastTest
from wabroadcast_core.models.message import MessageView
from wabroadcast_core.models.status import OPEN_MESSAGES, BroadcastStatus, Priority, Rank
from wabroadcast_core.models.waiting import WaitingFor
from wabroadcast_core.redis_access.connection_notes import ConnectionNotes
from wabroadcast_core.store.messages import position_of
from wabroadcast_core.waiting.outlook import Outlook

Row = Mapping[Any, Any]


def summary_of(row: Row, pool: Sequence[str]) -> BroadcastSummary:
    """Return the summary of a broadcast.

    :param pool: the names of its connections.
    """
    return BroadcastSummary.model_validate(_summary_fields(row, pool))


def listed_of(row: Row, pool: Sequence[str], *, waiting_for: WaitingFor | None) -> ListedBroadcast:
    """Return a broadcast as a list shows it.

    :param pool: the names of its connections.
    :param waiting_for: the cause for which it waits.
    """
    return ListedBroadcast(**_summary_fields(row, pool), waiting_for=waiting_for, undone=row["undone"])


def detail_of(
    row: Row, pool: Sequence[str], *, skips: dict[str, int], failures: dict[str, int], acts: Sequence[Row]
) -> BroadcastDetail:
    """Return a broadcast with everything that was submitted and its history.

    :param pool: the names of its connections.
    :param skips: the number of skipped messages, by reason.
    :param failures: the number of failed messages, by reason.
    :param acts: its rows of the audit log.
    """
    draft = BroadcastDraft.model_validate_json(row["draft"])
    return BroadcastDetail(
        **_summary_fields(row, pool),
        prepared=row["prepared"],
        message=draft.message.model_dump(exclude_none=True),
        source=draft.source,
        batching=draft.batching,
        rate=draft.rate,
        retry=draft.retry,
        send_window=draft.send_window,
        on_unknown=draft.on_unknown,
        callback_url=None if draft.callback_url is None else str(draft.callback_url),
        callback_events=draft.callback_events,
        draft_id=row["draft_id"],
        skipped_by=skips,
        failed_by=failures,
        acts=[act_of(act) for act in acts],
    )


def act_of(row: Row) -> Act:
    """Return an action as it is shown.

    :param row: of the audit log.
    """
    return Act(at=as_utc(row["at"]), actor=row["actor"], act=row["act"], detail=row["detail"])


def progress_of(row: Row, *, skips: dict[str, int], failures: dict[str, int], outlook: Outlook) -> BroadcastProgress:
    """Return the progress of a broadcast.

    :param skips: the number of skipped messages, by reason.
    :param failures: the number of failed messages, by reason.
    """
    progress = BroadcastProgress(
        version="",
        job_id=row["job_id"],
        status=row["status"],
        status_reason=row["status_reason"],
        prepared=row["prepared"],
        total=row["total"],
        counts=_counts(row),
        skipped_by=skips,
        failed_by=failures,
        scheduled_at=as_utc(row["scheduled_at"]),
        progress=_progress(row),
        waiting_for=outlook.waiting_for,
        rate=round(outlook.rate, 2),
        eta=as_utc(outlook.ends_at),
        purpose=row["purpose"],
    )
    return progress.model_copy(update={"version": version_of(progress.model_dump_json().encode())})


def version_of(content: bytes) -> str:
    """Return a name of what is shown: the same in every process, another one for any other content."""
    return blake2b(content, digest_size=8).hexdigest()


def connection_view(
    row: Row,
    settings: dict[str, Any],
    *,
    default: bool,
    problem: str | None,
    waiting_for: WaitingFor | None,
    use: ConnectionUse,
    notes: ConnectionNotes,
) -> ConnectionView:
    """Return a connection as it is shown.

    :param settings: its settings without secrets.
    :param default: whether it is the default connection.
    :param problem: what is wrong with it beside its state.
    :param waiting_for: why its messages wait.
    :param notes: what is noted of it.
    """
    limits = Limits.model_validate_json(row["limits"])
    return ConnectionView(
        **limits.model_dump(),
        name=row["name"],
        sender=row["sender"],
        settings=settings,
        default=default,
        state=row["state"],
        state_reason=row["state_reason"],
        state_since=as_utc(row["state_since"]),
        problem=problem,
        waiting_for=waiting_for,
        use=use,
        last_test=_past_test(notes),
    )


def _past_test(notes: ConnectionNotes) -> PastTest | None:
    if notes.tested_at is None:
        return None
    found = {"at": as_utc(notes.tested_at), "state": notes.test_state, "reason": notes.test_reason}
    return PastTest.model_validate(found)


def message_view(
    row: Row,
    *,
    job_id: str,
    connections: Mapping[int, str],
    waiting_for: WaitingFor | None,
) -> MessageView:
    """Return a message as it is shown.

    :param job_id: the id of its broadcast.
    :param connections: the names of connections by their ids.
    :param waiting_for: why it is not sent yet.
    """
    return MessageView(
        message_id=f"{job_id}-{position_of(row['id'])}",
        number=row["number"] or row["raw"] or "",
        name=row["name"],
        status=row["status"],
        reason=row["reason"],
        detail=row["detail"],
        attempts=row["attempts"],
        batch=row["batch"],
        connection=connections.get(row["connection_id"]),
        provider_id=row["provider_id"],
        due_at=as_utc(row["due_at"]),
        sent_at=as_utc(row["sent_at"]),
        delivered_at=as_utc(row["delivered_at"]),
        read_at=as_utc(row["read_at"]),
        waiting_for=waiting_for,
    )


def _summary_fields(row: Row, pool: Sequence[str]) -> dict[str, Any]:
    return {
        "job_id": row["job_id"],
        "name": row["name"],
        "status": row["status"],
        "status_reason": row["status_reason"],
        "priority": Priority[Rank(row["rank"]).name],
        "connection": list(pool),
        "total": row["total"],
        "counts": _counts(row),
        "progress": _progress(row),
        "scheduled_at": as_utc(row["scheduled_at"]),
        "created_at": as_utc(row["created_at"]),
        "started_at": as_utc(row["started_at"]),
        "finished_at": as_utc(row["finished_at"]),
        "purpose": row["purpose"],
    }


def _counts(row: Row) -> Counts:
    return Counts(**{name: row[name] for name in Counts.model_fields})


def _progress(row: Row) -> float:
    if not row["total"]:
        return 1.0 if row["status"] == BroadcastStatus.COMPLETED else 0.0
    left = sum(row[status.value] for status in OPEN_MESSAGES)
    return round(float(1 - left / row["total"]), 4)
