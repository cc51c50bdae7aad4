"""Blocks of messages in which a worker has claims. By them PostgreSQL finds the claimed messages.

A claim there changes no column of an index (``message_indexes.py``), so no index has the claimed messages. Instead each
claim adds the blocks of keys from which it took messages. A block stays until none of its messages is claimed by its
worker; then the next search deletes it. In SQLite the table is empty.
"""

from typing import Final

from sqlalchemy import Connection, text

BLOCK_BITS: Final = 8  # a block has 256 keys
_BROADCAST_BITS: Final = 32 - BLOCK_BITS

OF_ALL: Final = "true"
OF_WORKER: Final = "worker_id = CAST(:worker_id AS BIGINT)"
OF_BROADCAST: Final = f"block >> {_BROADCAST_BITS} = :broadcast_id"
"""Conditions on blocks: all, those of ``:worker_id``, those of ``:broadcast_id``."""

_IN_BLOCK = f"id >= block << {BLOCK_BITS} AND id < (block + 1) << {BLOCK_BITS} AND status = 'processing'"

ADD_BLOCKS: Final = f"""
    INSERT INTO claimed_blocks (worker_id, block)
    SELECT DISTINCT CAST(:worker_id AS BIGINT), id >> {BLOCK_BITS} FROM picked
    """  # noqa: S608 - fixed parts only
"""SQL that adds the blocks of the messages in ``picked``.

A claim never shares a row with an earlier one: then the row could be deleted before the claim is committed.
"""


def claimed_among(blocks: str) -> dict[str, dict[str, str]]:
    """Return ``{claimed}`` of both dialects: what is selected from to find claimed messages, as ``messages``.

    The OFFSET keeps PostgreSQL from reading all messages: it cannot estimate how many are in a block.

    :param blocks: one of the conditions above.
    """
    post = f"""(
      SELECT found.* FROM (SELECT DISTINCT block FROM claimed_blocks WHERE {blocks}) AS claimed
      CROSS JOIN LATERAL (SELECT * FROM messages WHERE {_IN_BLOCK} OFFSET 0) AS found
    ) AS messages"""  # noqa: S608 - fixed parts only
    return {"sqlite": {"claimed": "messages"}, "postgresql": {"claimed": post}}


# Delete blocks in which their worker has no claims. The OFFSET is there for the same reason as above.
_FORGET = """
    DELETE FROM claimed_blocks WHERE ctid = ANY (ARRAY(
      SELECT ctid FROM claimed_blocks AS found
      WHERE {blocks} AND NOT EXISTS (
        SELECT 1 FROM messages WHERE {in_block} AND messages.worker_id = found.worker_id OFFSET 0
      )
      FOR UPDATE SKIP LOCKED
    ))
    """
_FORGET_OF = {blocks: text(_FORGET.format(blocks=blocks, in_block=_IN_BLOCK)) for blocks in (OF_WORKER, OF_BROADCAST)}


# Add the blocks of broadcasts that have claimed messages and no block.
_MEND = text(
    f"""
    INSERT INTO claimed_blocks (worker_id, block)
    SELECT DISTINCT found.worker_id, found.id >> {BLOCK_BITS}
    FROM broadcasts CROSS JOIN LATERAL (
      SELECT * FROM messages
      WHERE id >= broadcasts.id << 32 AND id < (broadcasts.id + 1) << 32 AND status = 'processing' OFFSET 0
    ) AS found
    WHERE broadcasts.processing > 0 AND found.worker_id IS NOT NULL AND NOT EXISTS (
      SELECT 1 FROM claimed_blocks WHERE block >> {_BROADCAST_BITS} = broadcasts.id
    )
    """  # noqa: S608 - fixed parts only
)


def mend_blocks(conn: Connection) -> None:
    """Add blocks that are missing: a process of an earlier version, which adds none, claimed their messages."""
    if conn.dialect.name != "sqlite":
        conn.execute(_MEND)


def forget_blocks(conn: Connection, blocks: str, **parameters: int) -> None:
    """Delete the blocks that have no claims any more, so that the next searches are short.

    :param blocks: one of the conditions above, with its parameters.
    """
    if conn.dialect.name != "sqlite":
        conn.execute(_FORGET_OF[blocks], parameters)
