"""A Valkey whose data goes back in time: restored from a copy, or replaced by a replica that is behind."""

import shutil
from pathlib import Path
from typing import Protocol

import redis

from tests.ports import free_port
from tests.waiting import wait_for
from wabroadcast_core.queue.embedded import EmbeddedValkey


class Past(Protocol):
    """An earlier state of a server."""

    def __init__(self, server: EmbeddedValkey, directory: Path) -> None: ...

    def remember(self) -> None:
        """Keep the present state."""
        ...

    def restore(self) -> None:
        """Make the remembered state that of the server, which was killed."""
        ...


class Copy:
    """A copy of the server's files."""

    def __init__(self, server: EmbeddedValkey, directory: Path) -> None:
        self._server, self._copy = server, directory / "copy"
        self._files = server.directory / "appendonlydir"

    def remember(self) -> None:
        shutil.copytree(self._files, self._copy)

    def restore(self) -> None:
        shutil.rmtree(self._files)
        shutil.copytree(self._copy, self._files)
        self._server.start()


class Replica:
    """A replica, whose replication ends when it remembers; it takes over the server's address."""

    def __init__(self, server: EmbeddedValkey, directory: Path) -> None:
        self._server, self._replica = server, EmbeddedValkey(directory / "replica")
        self._replica.start()
        self._client = redis.Redis.from_url(self._replica.url)
        port = free_port()
        with redis.Redis.from_url(server.url) as client:
            client.config_set("repl-diskless-sync-delay", 0)
            client.config_set("port", port)
        self._client.replicaof("127.0.0.1", port)
        wait_for(self._is_up, what="the replica's copy")

    def remember(self) -> None:
        self._client.replicaof("NO", "ONE")

    def restore(self) -> None:
        self._replica.socket_path.replace(self._server.socket_path)
        self._client.close()

    def stop(self) -> None:
        self._replica.stop()

    def _is_up(self) -> bool:
        return bool(self._client.info("replication")["master_link_status"] == "up")
