"""Every Redis key and channel of one installation, in one place."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Keys:
    namespace: str

    @property
    def epoch(self) -> str:
        """Since when Redis has kept its keys: gone with them when they are lost."""
        return f"{self.namespace}:epoch"

    @property
    def control(self) -> str:
        """Channel: pause, cancel and opt-out, for the turns that run."""
        return f"{self.namespace}:control"

    def pace(self, connection_id: int) -> str:
        return f"{self.namespace}:pace:{connection_id}"

    def broadcast_pace(self, broadcast_id: int) -> str:
        return f"{self.namespace}:pace:broadcast:{broadcast_id}"

    def pairs(self, connection_id: int) -> str:
        """Whom a connection messaged just now."""
        return f"{self.namespace}:pairs:{connection_id}"

    def lanes(self, connection_id: int) -> str:
        return f"{self.namespace}:lanes:{connection_id}"

    def presence(self, number: str) -> str:
        """Whether somebody is on WhatsApp, as providers said lately."""
        return f"{self.namespace}:presence:{number}"

    def kept(self, connection_id: int, name: str) -> str:
        """What the sender of a connection remembers for a time."""
        return f"{self.namespace}:kept:{connection_id}:{name}"

    @property
    def workers(self) -> str:
        """What the leases of workers are called, but for their number."""
        return f"{self.namespace}:worker:"

    def worker(self, worker_id: int) -> str:
        """A worker's lease: it lives while this does."""
        return f"{self.workers}{worker_id}"

    def intents(self, worker_id: int) -> str:
        """Hash of the messages whose request may have left."""
        return f"{self.namespace}:intents:{worker_id}"

    def sealed(self, worker_id: int) -> str:
        """Set once a worker's claims are being settled: it may start nothing more."""
        return f"{self.namespace}:sealed:{worker_id}"

    def preparing(self, broadcast_id: int) -> str:
        """Lock: one worker at a time reads an audience."""
        return f"{self.namespace}:preparing:{broadcast_id}"

    def importing(self, import_id: str) -> str:
        """Lock: one process at a time reads a contact file."""
        return f"{self.namespace}:importing:{import_id}"
