"""The names of all Redis keys and channels of one installation."""

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Keys:
    """Builds the names of keys. Ids are those of the store."""

    namespace: str

    @property
    def epoch(self) -> str:
        """Time since which Redis has its keys. If Redis loses its keys, this one is lost too."""
        return f"{self.namespace}:epoch"

    @property
    def clock(self) -> str:
        """Hash: the jumps of Redis' clock."""
        return f"{self.namespace}:clock"

    @property
    def control(self) -> str:
        """Channel of announcements."""
        return f"{self.namespace}:control"

    @property
    def changes(self) -> str:
        """Channel of the broadcasts that have changed, for those that show them."""
        return f"{self.namespace}:changes"

    @property
    def pair(self) -> str:
        """Hash: the token and the name of the store that the namespace belongs to."""
        return f"{self.namespace}:pair"

    @property
    def pair_life(self) -> str:
        """Mark that a process of that store is running; it expires."""
        return f"{self.namespace}:pair:life"

    @property
    def queue(self) -> tuple[str, str]:
        """The keys of Huey: the queue and the schedule. Huey leaves other characters than these out of a name."""
        name = re.sub("[^A-Za-z0-9_]", "", self.namespace)
        return (f"huey.redis.{name}", f"huey.schedule.{name}")

    @property
    def probe(self) -> str:
        """Hash that the probe of Redis writes."""
        return f"{self.namespace}:probe"

    @property
    def queue_probe(self) -> str:
        """Sorted set that the probe of Redis writes beside the keys of Huey, which are not under the namespace."""
        return f"{self.queue[0]}.probe"

    @property
    def metrics(self) -> str:
        """Hash: the totals of what all processes have measured."""
        return f"{self.namespace}:metrics"

    @property
    def host_clocks(self) -> str:
        """Hash: how the clock of each host differs from Redis' clock."""
        return f"{self.namespace}:metrics:clocks"

    def pace(self, connection_id: int) -> str:
        """Hash: the limiter of a connection."""
        return f"{self.namespace}:pace:{connection_id}"

    def broadcast_pace(self, broadcast_id: int) -> str:
        """Hash: the limiter of a broadcast's own rate."""
        return f"{self.namespace}:pace:broadcast:{broadcast_id}"

    def per_recipient(self, connection_id: int) -> str:
        """Sorted set: the numbers that a connection messaged recently, by time."""
        return f"{self.namespace}:recipients:{connection_id}"

    def lanes(self, connection_id: int) -> str:
        """Sorted set: the turns that hold the lanes of a connection, by the end of their lease."""
        return f"{self.namespace}:lanes:{connection_id}"

    def number_check(self, number: str) -> str:
        """Text: whether a number is on WhatsApp, as a provider reported recently."""
        return f"{self.namespace}:number-check:{number}"

    def connection_check(self, connection_id: int) -> str:
        """Mark that a disconnected connection was checked recently; it expires when the next check is due."""
        return f"{self.namespace}:connection-check:{connection_id}"

    def connection_check_count(self, connection_id: int) -> str:
        """Number: how often a disconnected connection was checked."""
        return f"{self.namespace}:connection-check:{connection_id}:count"

    def connection_notes(self, connection_id: int) -> str:
        """Hash: the last webhook calls and the last test of a connection; it expires."""
        return f"{self.namespace}:connection-notes:{connection_id}"

    def cache(self, connection_id: int, name: str) -> str:
        """Text: an entry in the cache of a connection's sender."""
        return f"{self.namespace}:cache:{connection_id}:{name}"

    @property
    def workers(self) -> str:
        """Prefix of the keys of all worker leases."""
        return f"{self.namespace}:worker:"

    def worker(self, worker_id: int) -> str:
        """Lease of a worker: until when it counts as alive (seconds of steady time)."""
        return f"{self.workers}{worker_id}"

    def intents(self, worker_id: int) -> str:
        """Hash: the messages of a worker whose request may have left."""
        return f"{self.namespace}:intents:{worker_id}"

    def sealed(self, worker_id: int) -> str:
        """Mark that a worker's claims are being settled: the worker must not start anything more."""
        return f"{self.namespace}:sealed:{worker_id}"

    @property
    def plugin_failures(self) -> str:
        """Hash: the failures of plugins since the start of each worker, by worker."""
        return f"{self.namespace}:plugin-failures"

    def preparing(self, broadcast_id: int) -> str:
        """Lock: only one worker at a time reads an audience."""
        return f"{self.namespace}:preparing:{broadcast_id}"

    def put_off(self, broadcast_id: int) -> str:
        """Text: why the preparation of a broadcast was put off; it expires."""
        return f"{self.namespace}:put-off:{broadcast_id}"

    def importing(self, import_id: str) -> str:
        """Lock: only one process at a time reads a contact file."""
        return f"{self.namespace}:importing:{import_id}"
