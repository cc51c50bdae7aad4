"""The condition of messages that a worker has claimed, for statements that look each of them up by its key."""

from typing import Final

PROCESSING: Final = "'processing'"


def lite_held(status: str) -> str:
    """Return SQLite's condition of messages that ``:worker_id`` claimed last and that have a status.

    The + keeps SQLite on the primary key: its planner would use the index of all claimed messages.

    :param status: SQL for the status.
    """
    return f"+messages.worker_id = :worker_id AND +messages.status = {status}"


def post_held(status: str) -> str:
    """Return PostgreSQL's condition of the same.

    Its planner cannot see through the CASE. Otherwise it may expect one such message, read all messages to find it, and
    compare it with each outcome.
    """
    return f"CASE WHEN messages.worker_id = :worker_id THEN messages.status = {status} END"
