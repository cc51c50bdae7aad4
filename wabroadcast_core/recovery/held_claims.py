"""The claims that this worker has taken and not yet recorded, compared with the claims in the store.

If the answer to a commit is lost, the store may hold a claim that this worker does not know: an orphaned claim. It is
settled when two comparisons in a row have found it.
"""

import logging
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Row

from wabroadcast_core.models.status import MessageStatus
from wabroadcast_core.recovery.intents import Intents
from wabroadcast_core.store import claims as claim_store
from wabroadcast_core.store.group_commit import GroupCommit, UnitOfWork

log = logging.getLogger(__name__)

MOST_CLAIMS = 100_000


class HeldClaims:
    """The claims of one worker process."""

    def __init__(self, group_commit: GroupCommit, intents: Intents) -> None:
        self._group_commit = group_commit
        self._intents = intents
        self._held: set[int] = set()
        self._seen_orphaned: set[int] = set()

    def add(self, keys: Iterable[int]) -> None:
        """Add messages that were claimed.

        :param keys: the messages' keys.
        """
        self._held.update(keys)

    def release(self, keys: Iterable[int]) -> None:
        """Remove messages whose outcomes are recorded.

        :param keys: the messages' keys.
        """
        self._held.difference_update(keys)

    async def give_back_orphaned(self, worker_id: int, *, at_once: bool = False) -> None:
        """Settle the orphaned claims of this worker: without an intent they wait again, with one they become unknown.

        :param at_once: settle all of them, because no claim is being committed any more. Otherwise settle only those
            that the comparison before found too: the others may be claims whose commit has just been made.
        :raises UnavailableError: the store cannot be reached.
        """
        claims = await self._group_commit.run(
            lambda unit: claim_store.claims_of(unit.conn, worker_id, limit=MOST_CLAIMS)
        )
        orphaned = {claim.id: claim for claim in claims if claim.id not in self._held}
        confirmed = [claim for key, claim in orphaned.items() if at_once or key in self._seen_orphaned]
        self._seen_orphaned = set(orphaned)
        if confirmed:
            await self._group_commit.run(lambda unit: self._settle(unit, confirmed, worker_id))
            log.warning("%d orphaned claims of this worker were settled: their messages wait again", len(confirmed))

    def _settle(self, unit: UnitOfWork, claims: Sequence[Row[Any]], worker_id: int) -> None:
        rows = [self._settled_row(claim, now=unit.now) for claim in claims]
        claim_store.settle_claims(unit.conn, rows, worker_id=worker_id, changes=unit.changes)

    def _settled_row(self, claim: Row[Any], *, now: float) -> tuple[int, MessageStatus, str | None, float | None]:
        if self._intents.holds(claim.id):
            return claim.id, MessageStatus.UNKNOWN, "lost", None
        if claim.attempts:
            return claim.id, MessageStatus.RETRY, None, now
        return claim.id, MessageStatus.QUEUED, None, None
