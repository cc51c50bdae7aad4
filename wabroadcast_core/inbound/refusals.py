"""Refused webhook calls: every cause has the same answer, so that strangers learn nothing; the log has the cause."""

import logging
from typing import Final

from wabroadcast_core.clock import Clock
from wabroadcast_core.errors import BroadcastError

REFUSAL: Final = (
    "there is no such connection, or the call lacks its provider's signature or token: compare the address and the"
    " secret at the provider with the connection; the server's log has the reason"
)
_LOG_SECONDS: Final = 60.0  # between two lines of one connection: anybody can make such calls

log = logging.getLogger(__name__)


class RefusalLog:
    """Logs why calls to a connection are refused, at most once a minute for each connection."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._logged_at: dict[str, float] = {}

    def add(self, connection: str, error: BroadcastError) -> None:
        """Log a refused call, unless another one of this connection was logged just before.

        :param connection: the name of a connection that exists.
        """
        now = self._clock.now()
        if abs(now - self._logged_at.get(connection, -_LOG_SECONDS)) < _LOG_SECONDS:
            return
        self._logged_at[connection] = now
        log.warning("connection %s: a webhook call is refused, and others like it: %s", connection, error)
