"""Checks connections that are paused because their account was disconnected, and resumes those that work again.

A provider may report the return of an account by webhook. Where it does not, or the call was lost, the connection would
stay paused although its account works.
"""

import asyncio
import logging

import redis
import redis.asyncio

from wabroadcast_core.delivery.ledger import Ledger
from wabroadcast_core.errors import SendError
from wabroadcast_core.hookspecs import ChecksConnection
from wabroadcast_core.inbound.processor import DISCONNECTED
from wabroadcast_core.keys import Keys
from wabroadcast_core.plugin_faults import LOOP_ENDS, describe_fault
from wabroadcast_core.plugins.answer_checks import fault_of_event
from wabroadcast_core.snapshots import ConnectionSnapshot
from wabroadcast_core.store import connections as connection_store
from wabroadcast_core.store.group_commit import UnitOfWork
from wabroadcast_core.transport.live_senders import LiveSenders

log = logging.getLogger(__name__)

LONGEST_CHECK = 20.0  # seconds that a provider has for its answer
LONGEST_WAIT = 900.0  # seconds between two checks of a connection
REMEMBERED = 3  # waits after the last check until the next one counts as the first: an account that works stays resumed


class ConnectionChecks:
    """Checks disconnected connections; each is checked by one worker at a time, more and more rarely.

    Pauses by a person and pauses for other reasons are left alone.

    :param client: keeps in Redis which connection is not due for a check yet.
    :param first_wait: seconds between the first two checks of a connection; doubled with each check that follows.
    """

    def __init__(
        self,
        *,
        ledger: Ledger,
        live_senders: LiveSenders,
        client: redis.asyncio.Redis,
        keys: Keys,
        first_wait: float,
    ) -> None:
        self._ledger = ledger
        self._live_senders = live_senders
        self._client = client
        self._keys = keys
        self._first_wait = first_wait

    async def check_all(self) -> None:
        """Check the disconnected connections that are due, and resume those that work.

        :raises UnavailableError: the store cannot be reached.
        :raises redis.RedisError: Redis cannot be reached.
        """
        found = await self._ledger.transact(_disconnected)
        await asyncio.gather(*(self._check(connection, reason) for connection, reason in found))

    async def _check(self, connection: ConnectionSnapshot, reason: str) -> None:
        if not await self._take(connection.id):
            return
        sender: object = self._live_senders.find_sender(connection)
        if isinstance(sender, ChecksConnection) and await _works(sender, connection):
            await self._ledger.resume_connection(connection.id, paused_for=reason)

    async def _take(self, connection_id: int) -> bool:
        """Take the check of a connection, and set the time before which no worker checks it again.

        :returns: whether it is due.
        """
        lock, count = self._keys.connection_check(connection_id), self._keys.connection_check_count(connection_id)
        if not await self._client.set(lock, 1, nx=True, px=int(LONGEST_CHECK * 1_000)):
            return False
        checks = await self._client.incr(count)
        wait = min(self._first_wait * 2.0 ** min(checks - 1, 32), LONGEST_WAIT)
        await self._client.pexpire(lock, int(wait * 1_000))
        await self._client.pexpire(count, int((REMEMBERED * wait + LONGEST_CHECK) * 1_000))
        return True


async def _works(sender: ChecksConnection, connection: ConnectionSnapshot) -> bool:
    """Return whether the provider reports that the account can send. No answer is no."""
    try:
        async with asyncio.timeout(LONGEST_CHECK):
            event = await sender.check_connection()
    except (SendError, TimeoutError):
        return False
    except LOOP_ENDS:
        raise
    except BaseException as error:  # noqa: BLE001 - a bug of a plugin
        _log_failure(connection, describe_fault(error))
        return False
    if (fault := fault_of_event(event)) is not None:
        _log_failure(connection, fault)
        return False
    return event.state == "up"


def _log_failure(connection: ConnectionSnapshot, fault: str) -> None:
    log.error("connection %s: its sender failed to check the account: %s; it stays paused", connection.name, fault)


def _disconnected(unit: UnitOfWork) -> list[tuple[ConnectionSnapshot, str]]:
    """Return the connections that were paused automatically as disconnected, each with the whole reason."""
    rows = connection_store.paused_for(unit.conn, DISCONNECTED)
    return [(ConnectionSnapshot.of(row, now=unit.now), row["state_reason"]) for row in rows]
