"""Slow disks and distant servers, in a reproducible way."""

import asyncio
import contextlib
import random
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import Connection, Engine, event


class SlowCommits:
    """Delays the commits of a SQLAlchemy engine as a slow disk does, and counts them.

    :param base: seconds that every commit takes longer.
    :param spike: seconds that one commit in ``every`` takes longer in addition.
    """

    def __init__(self, db_engine: Engine, *, base: float = 0.002, spike: float = 0.15, every: int = 20) -> None:
        self.commits = 0
        self._base, self._spike, self._every = base, spike, every
        self._random = random.Random(4)
        event.listen(db_engine, "commit", self._delay)

    def _delay(self, conn: Connection) -> None:
        if not conn.get_execution_options().get("wab_write"):
            return
        self.commits += 1
        time.sleep(self._base + (self._spike if self._random.randrange(self._every) == 0 else 0))


class DistantServer:
    """A proxy in front of a server that delays what it passes on, in its own thread.

    :param round_trip: seconds; half of it in each direction.
    """

    def __init__(self, target: str, directory: Path, *, round_trip: float) -> None:
        self.path = directory / "distant.sock"
        self._target = target
        self._delay = round_trip / 2
        self._loop = asyncio.new_event_loop()
        self._started = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        """Begin to pass on."""
        self._thread.start()
        self._started.wait()

    def stop(self) -> None:
        """Cut all connections."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(asyncio.start_unix_server(self._serve, str(self.path)))
        self._started.set()
        self._loop.run_forever()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(asyncio.sleep(0.05))
        self._loop.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_unix_connection(self._target)
        await asyncio.gather(self._pass_on(reader, far_writer), self._pass_on(far_reader, writer))

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.CancelledError):
            while data := await reader.read(65_536):
                self._loop.call_later(self._delay, self._write, writer, data)
            self._loop.call_later(self._delay, writer.close)

    @staticmethod
    def _write(writer: asyncio.StreamWriter, data: bytes) -> None:
        if not writer.is_closing():
            writer.write(data)


@contextlib.contextmanager
def distant(target: str, directory: Path, *, round_trip: float) -> Iterator[Path]:
    """Yield the path of a socket behind which ``target`` is ``round_trip`` seconds away."""
    server = DistantServer(target, directory, round_trip=round_trip)
    server.start()
    yield server.path
    server.stop()
