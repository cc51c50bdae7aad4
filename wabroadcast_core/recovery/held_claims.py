"""The claims that this worker has taken and not yet recorded, compared with the store so that none is forgotten.

A commit whose answer got lost leaves a claim in the store that this worker does not know: an orphaned claim. It is
given back when two looks in a row have found it.
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
        """Remember messages that were claimed."""
        self._held.update(keys)

    def release(self, keys: Iterable[int]) -> None:
        """Forget messages whose outcomes are recorded."""
        self._held.difference_update(keys)

    async def give_back_orphaned(self, worker_id: int, *, at_once: bool = False) -> None:
        """Settle the orphaned claims of this worker.

        :param at_once: no claim is under way any more; otherwise only those that the look before found too.
        :raises UnavailableError: the store cannot be reached.
        """
        claims = await self._group_commit.run(
            lambda unit: claim_store.claims_of(unit.conn, worker_id, limit=MOST_CLAIMS)
        )
        orphaned = {claim.id: claim for claim in claims if claim.id not in self._held}
        ripe = [claim for key, claim in orphaned.items() if at_once or key in self._seen_orphaned]
        self._seen_orphaned = set(orphaned)
        if ripe:
            await self._group_commit.run(lambda unit: self._settle(unit, ripe, worker_id))
            log.warning("%d orphaned claims were given back", len(ripe))

    def _settle(self, unit: UnitOfWork, claims: Sequence[Row[Any]], worker_id: int) -> None:
        rows = [self._settled(claim, now=unit.now) for claim in claims]
        claim_store.settle_claims(unit.conn, rows, worker_id=worker_id, changes=unit.changes)

    def _settled(self, claim: Row[Any], *, now: float) -> tuple[int, MessageStatus, str | None, float | None]:
        if self._intents.holds(claim.id):
            return claim.id, MessageStatus.UNKNOWN, "lost", None
        if claim.attempts:
            return claim.id, MessageStatus.RETRY, None, now
        return claim.id, MessageStatus.QUEUED, None, None
