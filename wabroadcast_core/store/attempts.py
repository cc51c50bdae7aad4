"""The attempts of messages, except for those that the provider accepted at once: a message's own row has these.

The attempts of one message are bounded, whatever its provider does: equal ones in a row are one row with a count, and
beyond MOST_ATTEMPTS the newest row is replaced.
"""

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Connection, RowMapping, select, text

from wabroadcast_core.models.status import AttemptOutcome
from wabroadcast_core.sentences import write_text
from wabroadcast_core.store.sql import LITE_ROWS, POST_ROWS, as_json, dialects, json_columns
from wabroadcast_core.store.tables import attempts

MOST_ATTEMPTS = 100  # rows of one message

_COLUMNS = json_columns(
    message_id="BIGINT",
    attempt="INTEGER",
    at="DOUBLE PRECISION",
    connection_id="INTEGER",
    outcome="TEXT",
    reason="TEXT",
    detail="TEXT",
)


class NewAttempt(NamedTuple):
    """An attempt to store, or what a receipt said of one, in the order of the columns above."""

    message_id: int
    attempt: int
    at: float  # UNIX seconds (UTC)
    connection_id: int | None
    outcome: AttemptOutcome
    reason: str
    detail: str | None


# Add attempts to the newest row of their message, if that is an equal one or the message has :most rows.
# Input: :rows, JSON rows of NewAttempt, one a message; :most. Output: the messages whose attempt is stored thereby.
_REPEAT = dialects(
    """
    UPDATE attempts SET
      times = times + 1, last_at = added.at, attempt = added.attempt, connection_id = added.connection_id,
      outcome = added.outcome, reason = added.reason, detail = added.detail
    FROM (SELECT {columns} FROM {rows}) AS added
    WHERE attempts.id = (SELECT max(newest.id) FROM attempts AS newest WHERE newest.message_id = added.message_id)
      AND (
        (attempts.outcome = added.outcome AND attempts.reason = added.reason AND attempts.attempt = added.attempt
          AND coalesce(attempts.connection_id, 0) = coalesce(added.connection_id, 0))
        OR (SELECT count(*) FROM attempts AS present WHERE present.message_id = added.message_id) >= :most
      )
    RETURNING attempts.message_id
    """,
    sqlite={"columns": _COLUMNS[0], "rows": LITE_ROWS},
    postgresql={"columns": _COLUMNS[1], "rows": POST_ROWS},
)
_INSERT = dialects(
    """
    INSERT INTO attempts (message_id, attempt, at, connection_id, outcome, reason, detail)
    SELECT {columns} FROM {rows}
    """,
    sqlite={"columns": _COLUMNS[0], "rows": LITE_ROWS},
    postgresql={"columns": _COLUMNS[1], "rows": POST_ROWS},
)


def add_attempts(conn: Connection, rows: Sequence[NewAttempt]) -> None:
    """Store attempts, at most one of each message."""
    if not rows:
        return
    written = [row._replace(detail=write_text(row.detail)) for row in rows]
    repeated = conn.execute(_REPEAT.of(conn), {"rows": as_json(written), "most": MOST_ATTEMPTS}).scalars()
    stored = set(repeated)
    if new := [row for row in written if row.message_id not in stored]:
        conn.execute(_INSERT.of(conn), {"rows": as_json(new)})


# Keep the acceptance of failed messages that are sent again: a receipt failed them, and the next attempt replaces the
# facts of this one in their rows. Input: :low and :high (the range of the broadcast's keys); :code, or NULL for all.
_KEEP_ACCEPTED = text(
    """
    INSERT INTO attempts (message_id, attempt, at, connection_id, outcome, reason, detail)
    SELECT id, attempts, sent_at, connection_id, 'accepted', '', NULL FROM messages
    WHERE id >= :low AND id < :high AND status = 'failed' AND sent_at IS NOT NULL AND number IS NOT NULL
      AND reason = coalesce(CAST(:code AS TEXT), reason)
    """
)


def keep_accepted(conn: Connection, *, low: int, high: int, code: str | None) -> None:
    """Store when failed messages had been accepted, before they are sent again.

    :param low: the first key of the broadcast's messages.
    :param high: the first key behind them.
    :param code: only messages with this reason.
    """
    conn.execute(_KEEP_ACCEPTED, {"low": low, "high": high, "code": code})


def attempts_of(conn: Connection, key: int) -> Sequence[RowMapping]:
    """Return the stored attempts of a message, oldest first."""
    statement = select(attempts).where(attempts.c.message_id == key).order_by(attempts.c.at, attempts.c.id)
    return conn.execute(statement).mappings().all()
