"""What this worker holds: claimed and not recorded yet. Held against the store, so that no claim is forgotten.

A commit whose answer got lost leaves a claim in the store that nobody here knows of; at the second look it goes back.
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
    def __init__(self, group_commit: GroupCommit, intents: Intents) -> None:
        self._group_commit = group_commit
        self._intents = intents
        self._held: set[int] = set()
        self._suspects: set[int] = set()

    def take(self, keys: Iterable[int]) -> None:
        self._held.update(keys)

    def let_go(self, keys: Iterable[int]) -> None:
        """These are recorded."""
        self._held.difference_update(keys)

    async def give_back_strays(self, worker_id: int, *, at_once: bool = False) -> None:
        """Settle claims of this worker that it does not hold.

        :param at_once: nothing is being claimed any more; otherwise only those that an earlier look saw too.
        """
        claims = await self._group_commit.run(
            lambda unit: claim_store.claims_of(unit.conn, worker_id, limit=MOST_CLAIMS)
        )
        strays = {claim.id: claim for claim in claims if claim.id not in self._held}
        ripe = [claim for key, claim in strays.items() if at_once or key in self._suspects]
        self._suspects = set(strays)
        if ripe:
            await self._group_commit.run(lambda unit: self._settle(unit, ripe, worker_id))
            log.warning("%d claims that nobody held went back", len(ripe))

    def _settle(self, unit: UnitOfWork, claims: Sequence[Row[Any]], worker_id: int) -> None:
        rows = [self._settled(claim, now=unit.now) for claim in claims]
        claim_store.settle_claims(unit.conn, rows, worker_id=worker_id, changes=unit.changes)

    def _settled(self, claim: Row[Any], *, now: float) -> tuple[int, MessageStatus, str | None, float | None]:
        if self._intents.holds(claim.id):
            return claim.id, MessageStatus.UNKNOWN, "lost", None
        if claim.attempts:
            return claim.id, MessageStatus.RETRY, None, now
        return claim.id, MessageStatus.QUEUED, None, None
