"""Connections that may not message new contacts for a time: people whom they reached before are sent to, others wait.

WhatsApp restricts linked devices in this way. Each process learns of it from its first refusal.
"""

from collections.abc import Callable, Sequence

from wabroadcast_core.clock import RedisClock
from wabroadcast_core.delivery.ledger import Ledger
from wabroadcast_core.models.status import WaitReason
from wabroadcast_core.outcomes import classify
from wabroadcast_core.store.claims import Claimed
from wabroadcast_core.store.outcomes import Outcome


class NewContactGate:
    """Holds back the messages to new contacts of connections that are closed to them.

    :param put_aside: receives the outcome of a message that has to wait.
    """

    def __init__(self, ledger: Ledger, *, clock: RedisClock, put_aside: Callable[[Claimed, Outcome], None]) -> None:
        self._ledger = ledger
        self._clock = clock
        self._put_aside = put_aside
        self._closed_until: dict[int, float] = {}

    def close(self, connection_id: int, *, seconds: float) -> None:
        """Send to no new contact through this connection for so many seconds."""
        until = self._clock.steady.now() + seconds
        self._closed_until[connection_id] = max(until, self._closed_until.get(connection_id, 0.0))

    def open(self, connection_id: int) -> None:
        """Send to new contacts again through this connection."""
        self._closed_until.pop(connection_id, None)

    async def hold_back(self, connection_id: int, claimed: Sequence[Claimed]) -> Sequence[Claimed]:
        """Return the claimed messages that may be sent; the others wait until the connection is open again.

        :raises UnavailableError: the store cannot be reached.
        """
        wait = self._closed_until.get(connection_id, 0.0) - self._clock.steady.now()
        if wait <= 0 or not claimed:
            return claimed
        known = await self._ledger.reached(connection_id, [message.number for message in claimed])
        now = self._clock.now()
        for message in claimed:
            if message.number not in known:
                self._put_aside(
                    message, classify.given_back(message, now=now, wait=wait, reason=WaitReason.NEW_CONTACTS)
                )
        return [message for message in claimed if message.number in known]
