"""Slow disks and distant servers, in a reproducible way."""

import asyncio
import contextlib
import random
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from pydantic import SecretStr
from sqlalchemy import Connection, Engine, event, make_url

from wabroadcast_core import Settings

POSTGRESQL_SOCKET = ".s.PGSQL.5432"
PRODUCTION = {  # the patience of an installation, longer than the one of most tests
    name: Settings.model_fields[name].default for name in ("heartbeat_seconds", "lease_seconds", "recover_seconds")
}


class SlowCommits:
    """Delays the commits of a SQLAlchemy engine as a slow disk does, and counts them.

    :param db_engine: the engine; the class for all engines of this process.
    :param base: seconds that every commit takes longer.
    :param spike: seconds that one commit in ``every`` takes longer in addition.
    """

    def __init__(
        self,
        db_engine: Engine | type[Engine],
        *,
        base: float = 0.002,
        spike: float = 0.15,
        every: int = 20,
        seed: int = 4,
    ) -> None:
        self.commits = 0
        self._base, self._spike, self._every = base, spike, every
        self._random = random.Random(seed)
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

    def __init__(self, target: str, path: Path, *, round_trip: float) -> None:
        self.path = path
        self._target = target
        self._delay = round_trip / 2
        self._tasks: set[asyncio.Task[None]] = set()
        self._started = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        """Begin to pass on."""
        self._thread.start()
        self._started.wait()

    def stop(self) -> None:
        """Cut all connections."""
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join()

    def _run(self) -> None:
        with asyncio.Runner() as runner:
            runner.run(self._serve_until_stopped())

    async def _serve_until_stopped(self) -> None:
        self._loop, self._stopping = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_unix_server(self._accept, str(self.path))
        self._started.set()
        await self._stopping.wait()
        server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve in a task of our own: asyncio logs the cancellation of those that it makes."""
        task = self._loop.create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_unix_connection(self._target)
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(self._pass_on(reader, far_writer))
                both.create_task(self._pass_on(far_reader, writer))
            await asyncio.sleep(self._delay)
        finally:
            for one in (writer, far_writer):
                one.close()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65_536):
                self._loop.call_later(self._delay, self._write, writer, data)
        self._loop.call_later(self._delay, writer.close)

    @staticmethod
    def _write(writer: asyncio.StreamWriter, data: bytes) -> None:
        if not writer.is_closing():
            writer.write(data)


@contextlib.contextmanager
def distant(target: str, path: Path, *, round_trip: float) -> Iterator[Path]:
    """Yield ``path``, a socket behind which the socket ``target`` is ``round_trip`` seconds away."""
    server = DistantServer(target, path, round_trip=round_trip)
    server.start()
    try:
        yield server.path
    finally:
        server.stop()


@contextlib.contextmanager
def with_distant_redis(settings: Settings, *, round_trip: float) -> Iterator[Settings]:
    """Yield the settings with a Redis that is ``round_trip`` seconds away."""
    assert settings.redis_url is not None
    socket = settings.redis_url.get_secret_value().removeprefix("unix://")
    with distant(socket, settings.data_dir / "redis.sock", round_trip=round_trip) as path:
        yield settings.model_copy(update={"redis_url": SecretStr(f"unix://{path}")})


@contextlib.contextmanager
def with_distant_postgresql(settings: Settings, *, round_trip: float) -> Iterator[Settings]:
    """Yield the settings with a PostgreSQL that is ``round_trip`` seconds away; its URL names a socket's folder."""
    assert settings.database_url is not None
    url = make_url(settings.database_url.get_secret_value())
    with tempfile.TemporaryDirectory() as directory:  # a socket's path must be short
        target, near = f"{url.query['host']}/{POSTGRESQL_SOCKET}", Path(directory)
        with distant(target, near / POSTGRESQL_SOCKET, round_trip=round_trip):
            moved = url.update_query_dict({"host": str(near)}).render_as_string(hide_password=False)
            yield settings.model_copy(update={"database_url": SecretStr(moved)})
