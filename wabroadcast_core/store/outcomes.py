"""The outcomes of claimed messages, recorded in sets."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, text

from wabroadcast_core.models.status import MessageStatus
from wabroadcast_core.sentences import write_text
from wabroadcast_core.store.changes import Changes
from wabroadcast_core.store.held import PROCESSING, lite_held, post_held
from wabroadcast_core.store.messages import POSITION_BITS, RETURNED_STATUS, count_failures, count_moves
from wabroadcast_core.store.provider_ids import changed_ids
from wabroadcast_core.store.sql import LITE_ROWS, POST_ROWS, Dialects, as_json, dialects, json_columns


class NotHeldError(Exception):
    """A message cannot be recorded with others as sent: its claim was settled meanwhile, or it has a provider's id."""


@dataclass(slots=True)
class Outcome:
    """The outcome of a claimed message: its new status and columns. ``used``: whether it used an attempt."""

    key: int
    status: MessageStatus
    used: bool = False
    reason: str | None = None
    detail: str | None = None
    connection_id: int | None = None
    provider_id: str | None = None
    sent_at: float | None = None
    due_at: float | None = None
    waits_as: str | None = None  # the reason of the waiting message, where it is not that of the attempt

    def as_row(self) -> tuple[Any, ...]:
        """Return the outcome in the order of the columns below."""
        return (
            self.key,
            self.status,
            1 if self.used else 0,
            self.waits_as or self.reason,
            write_text(self.detail),
            self.connection_id,
            self.provider_id,
            self.sent_at,
            self.due_at,
        )


_OUTCOME_COLUMNS = json_columns(
    id="BIGINT",
    status="TEXT",
    used="INTEGER",
    reason="TEXT",
    detail="TEXT",
    connection_id="INTEGER",
    provider_id="TEXT",
    sent_at="DOUBLE PRECISION",
    due_at="DOUBLE PRECISION",
)

# Record outcomes of messages that a worker has claimed. A message that returns to queued or retry gets RETURNED_STATUS.
# Input: :rows (JSON rows of _OUTCOME_COLUMNS), :worker_id, :present (the status that they must have).
# Output: key, new status and reason of each recorded message.
_RECORD = """
    UPDATE messages SET
      status = CASE WHEN outcome.status IN ('queued', 'retry') THEN {returned} ELSE outcome.status END,
      wanted = CASE WHEN outcome.status = 'unknown' THEN wanted END,
      attempts = attempts + outcome.used, detail = outcome.detail,
      reason = CASE WHEN outcome.status IN ('queued', 'retry') AND {erased} THEN 'erased' ELSE outcome.reason END,
      connection_id = coalesce(outcome.connection_id, messages.connection_id),
      provider_id = coalesce(outcome.provider_id, messages.provider_id),
      sent_at = outcome.sent_at,
      due_at = CASE WHEN outcome.status = 'unknown' AND wanted = 'cancelled' THEN NULL ELSE outcome.due_at END
    FROM (SELECT {columns} FROM {rows}) AS outcome
    WHERE messages.id = outcome.id AND {held}
    RETURNING messages.id, messages.status, messages.reason
    """
_PARTS = {"returned": RETURNED_STATUS.format(status="outcome.status"), "erased": "messages.number IS NULL"}
_RECORD_OUTCOMES = dialects(
    _RECORD,
    sqlite={"columns": _OUTCOME_COLUMNS[0], "rows": LITE_ROWS, "held": lite_held(":present"), **_PARTS},
    postgresql={"columns": _OUTCOME_COLUMNS[1], "rows": POST_ROWS, "held": post_held(":present"), **_PARTS},
)


_SET_SENT = """
    UPDATE messages SET
      status = 'sent', attempts = attempts + 1, provider_id = outcome.provider_id, sent_at = outcome.sent_at,
      wanted = NULL, reason = NULL, detail = NULL
    FROM {outcomes}
    WHERE messages.id = outcome.id AND {held}
    """
_SENT_COLUMNS = json_columns(id="BIGINT", provider_id="TEXT", sent_at="DOUBLE PRECISION")
_POST_SENT = """
    WITH
      outcome AS MATERIALIZED (
        SELECT CAST(id AS BIGINT) AS id, provider_id, CAST(sent_at AS DOUBLE PRECISION) AS sent_at
        FROM ROWS FROM (
          json_array_elements_text(CAST(:ids AS json)), json_array_elements_text(CAST(:provider_ids AS json)),
          json_array_elements_text(CAST(:times AS json))
        ) AS arrays(id, provider_id, sent_at)
      ),
      added AS (
        INSERT INTO provider_ids (provider_id, id)
        SELECT provider_id, id FROM outcome WHERE provider_id IS NOT NULL
      )
    """
# Record claimed messages of a worker as sent. Input: :worker_id; in SQLite :rows (JSON rows of _SENT_COLUMNS); in
# PostgreSQL a JSON array for each column, because rows take it longer to take apart. A message that has an id of the
# provider from an earlier attempt is left out there: that id has to be replaced.
_RECORD_SENT = Dialects(
    sqlite=text(
        _SET_SENT.format(
            outcomes=f"(SELECT {_SENT_COLUMNS[0]} FROM {LITE_ROWS}) AS outcome",  # noqa: S608 - fixed parts only
            held=lite_held(PROCESSING),
        )
    ),
    postgresql=text(
        f"{_POST_SENT} {_SET_SENT.format(outcomes='outcome', held=post_held(PROCESSING))}"
        " AND messages.provider_id IS NULL"
    ),
)


@dataclass(frozen=True, slots=True)
class Sent:
    """Plainly sent messages of one worker, packed for the store."""

    keys: list[int]
    provider_ids: list[str | None]
    times: list[float]  # when each was sent (UNIX seconds, UTC)
    by_broadcast: Counter[int]

    @classmethod
    def of(cls, keys: list[int], *, provider_ids: list[str | None], times: list[float]) -> "Sent":
        """Pack messages, which have the same place in each list."""
        return cls(keys, provider_ids, times, Counter([key >> POSITION_BITS for key in keys]))

    def parameters(self, conn: Connection) -> dict[str, str]:
        """Return the parameters of the statement that records them."""
        if conn.dialect.name == "sqlite":
            return {"rows": as_json(list(zip(self.keys, self.provider_ids, self.times, strict=True)))}
        return {
            "ids": as_json(self.keys),
            "provider_ids": as_json(self.provider_ids),
            "times": as_json(self.times),
        }


def record_sent(conn: Connection, sent: Sent, *, worker_id: int, changes: Changes) -> None:
    """Record messages that this worker has claimed as sent.

    :raises NotHeldError: one of them is no longer claimed by this worker, or has to be recorded by
        :func:`record_outcomes`; the transaction must be rolled back.
    """
    done = conn.execute(_RECORD_SENT.of(conn), {**sent.parameters(conn), "worker_id": worker_id})
    if done.rowcount != len(sent.keys):
        raise NotHeldError
    for broadcast_id, amount in sent.by_broadcast.items():
        changes[broadcast_id, "processing"] -= amount
        changes[broadcast_id, "sent"] += amount
    changes.results += sent.keys


def record_outcomes(conn: Connection, outcomes: Sequence[Outcome], *, worker_id: int, changes: Changes) -> set[int]:
    """Record the outcomes of claimed messages.

    Only messages that this worker still claims are changed: others were settled meanwhile. The exception is a message
    that was settled as unknown: it still gets a final outcome.

    :returns: the keys of the recorded messages.
    """
    with changed_ids(conn, [outcome.key for outcome in outcomes if outcome.provider_id is not None]):
        return _record_outcomes(conn, outcomes, worker_id=worker_id, changes=changes)


def _record_outcomes(conn: Connection, outcomes: Sequence[Outcome], *, worker_id: int, changes: Changes) -> set[int]:
    recorded: set[int] = set()
    rest = list(outcomes)
    for present in ("processing", "unknown"):
        if not rest:
            break
        rows = conn.execute(
            _RECORD_OUTCOMES.of(conn),
            {"rows": as_json([outcome.as_row() for outcome in rest]), "worker_id": worker_id, "present": present},
        ).fetchall()
        count_moves(conn, changes, rows, away_from=present)
        count_failures(changes, [row for row in rows if row[1] == MessageStatus.FAILED], sign=1)
        recorded.update(row[0] for row in rows)
        rest = [outcome for outcome in rest if outcome.key not in recorded and _is_final(outcome)]
    return recorded


def _is_final(outcome: Outcome) -> bool:
    return outcome.status in {MessageStatus.SENT, MessageStatus.FAILED}
