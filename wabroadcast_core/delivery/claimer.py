"""Claims messages for a turn and takes them through preflight."""

from collections.abc import Mapping

from wabroadcast_core.delivery.claims import DueWork
from wabroadcast_core.delivery.ledger import Ledger
from wabroadcast_core.delivery.new_contacts import NewContactGate
from wabroadcast_core.delivery.preflight import Preflight
from wabroadcast_core.delivery.ready_messages import PendingSend
from wabroadcast_core.recovery.held_claims import HeldClaims
from wabroadcast_core.recovery.lease import WorkerLease
from wabroadcast_core.snapshots import ConnectionSnapshot


class Claimer:
    """From due work to messages that are ready to be sent."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        lease: WorkerLease,
        held_claims: HeldClaims,
        new_contacts: NewContactGate,
        preflight: Preflight,
    ) -> None:
        self._ledger = ledger
        self._lease = lease
        self._held_claims = held_claims
        self._new_contacts = new_contacts
        self._preflight = preflight

    async def claim(
        self, connection: ConnectionSnapshot, amount: int, caps: Mapping[int, int] | None
    ) -> tuple[list[PendingSend], int, DueWork]:
        """Claim up to ``amount`` messages, check and render them.

        :param caps: the most messages of each broadcast, where slots are reserved for broadcasts.
        :returns: those that are ready, how many were claimed, and the connection's due work.
        :raises UnavailableError: the store cannot be reached.
        """
        claimed, due_work = await self._ledger.claim(
            connection, worker_id=self._lease.worker_id, amount=amount, caps=caps
        )
        keys = [message.key for message in claimed]
        self._held_claims.add(keys)
        try:
            allowed = await self._new_contacts.hold_back(connection.id, claimed)
            broadcasts = {key: self._ledger.snapshot(key) for key in {message.broadcast_id for message in allowed}}
            return await self._preflight.check_and_render(allowed, broadcasts), len(claimed), due_work
        except BaseException:
            self._held_claims.release(keys)  # orphaned: they are given back
            raise
