"""The pairing of the store with its Redis: a random token that both have.

Two workers of one store with different Redis servers or namespaces would each keep the whole pace. Two stores with one
namespace would take each other's tasks. Either is refused, and the error names both.

A Redis without a token may have lost its keys, or may be another one. It is another one if its name differs from the
one in the store while processes with that one are running; then this process does not start. Otherwise it is paired:
so an operator may move to another Redis after all processes were stopped.
"""

import logging
import secrets
import threading
import time
from dataclasses import dataclass

import redis

from wabroadcast_core.errors import SetupError, UnavailableError
from wabroadcast_core.forks import renew_after_fork
from wabroadcast_core.pairing.redis_side import RedisPair, RedisSide
from wabroadcast_core.redis_access.probe import describe_failure
from wabroadcast_core.store import installation as installation_store
from wabroadcast_core.store.database import Database

log = logging.getLogger(__name__)

CLOSE_SECONDS = 5.0  # for the last call of the thread to end
LOOK_SECONDS = 0.2  # between two looks at whether another process is running


@dataclass(frozen=True, slots=True)
class Names:
    """The names of this process' Redis and store, for people: without secrets."""

    redis: str
    store: str


class Pairing:
    """The pairing of one process. It may be used from any thread.

    :param life_seconds: time without a sign of life after which the other processes count as stopped.
    """

    def __init__(self, database: Database, redis_side: RedisSide, names: Names, *, life_seconds: float) -> None:
        self._database = database
        self._redis_side = redis_side
        self._names = names
        self._life_seconds = life_seconds
        self._token = ""
        self._is_confirmed = False
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None
        self.fault: SetupError | None = None  # found after the start: this process must not go on

    def start(self) -> None:
        """Confirm the pairing, then keep showing that this process is running. Redis need not be reachable.

        :raises SetupError: the store is used with another Redis, or Redis by another store.
        :raises UnavailableError: the store cannot be reached.
        """
        try:
            self.confirm()
        except redis.RedisError as error:
            log.warning("it is not confirmed yet that this Redis is the one of the store: %s", describe_failure(error))
        self._start_thread()
        renew_after_fork(self._after_fork)

    def close(self) -> None:
        """End the thread of :meth:`start`, before the store is closed."""
        self._closing.set()
        if self._thread is not None:
            self._thread.join(timeout=CLOSE_SECONDS)

    def _after_fork(self) -> None:
        """Show in the child of a fork that it is running, too."""
        self._lock = threading.Lock()
        if not self._closing.is_set():
            self._closing = threading.Event()
            self._start_thread()

    def confirm(self) -> None:
        """Check that the store and Redis belong together, or pair them; do nothing if that was done before.

        It waits for a sign of life where other processes may be running or not.

        :raises SetupError: the store is used with another Redis, or Redis by another store.
        :raises redis.RedisError: Redis cannot be reached.
        :raises UnavailableError: the store cannot be reached.
        """
        with self._lock:
            if self._is_confirmed:
                return
            self._token = self._database.transact(
                lambda conn: installation_store.ensure_token(conn, secrets.token_hex(16))
            )
            pair = self._redis_side.look()
            if not pair.token:
                self._check_store()
            elif pair.token != self._token:
                self._check_namespace(pair)
                self._redis_side.clear()
            self._hold()
            self._is_confirmed = True

    # --- what is found at the start --------------------------------------------------------------------------------

    def _check_store(self) -> None:
        """Check that no process is running that uses the store with a Redis of another name.

        :raises SetupError: such a process is running.
        """
        first = self._sign_of_life()
        while first is not None and (now := self._sign_of_life()) is not None:
            if self._redis_side.look().token == self._token:
                return  # another name of the same Redis, which had lost its keys
            if now.seen_at != first.seen_at:
                raise SetupError(
                    f"the store is in use with another Redis: running processes use {now.redis}, and this process is "
                    f"set to {self._names.redis}: give all of them the same WABROADCAST_REDIS_URL and "
                    "WABROADCAST_NAMESPACE, or stop the others first"
                )
            time.sleep(LOOK_SECONDS)

    def _sign_of_life(self) -> installation_store.SignOfLife | None:
        """Return the last sign of life of a process with a Redis of another name, if it is recent."""
        with self._database.read() as conn:
            found = installation_store.sign_of_life(conn)
        if found is None or found.redis == self._names.redis or found.age > self._life_seconds:
            return None
        return found

    def _check_namespace(self, first: RedisPair) -> None:
        """Check that no process of the store that Redis belongs to is running.

        :raises SetupError: such a process is running.
        """
        life = first.life
        while (now := self._redis_side.look()).life > 0 and now.token != self._token:
            if now.life > life:
                raise self._foreign_store(now)
            life = now.life
            time.sleep(LOOK_SECONDS)

    def _foreign_store(self, pair: RedisPair) -> SetupError:
        return SetupError(
            f"the namespace of Redis ({self._names.redis}) is in use by another installation: its store is "
            f"{pair.store}, and the store of this process is {self._names.store}: set another WABROADCAST_NAMESPACE, "
            "or give all processes the same WABROADCAST_DATABASE_URL"
        )

    # --- while the process runs --------------------------------------------------------------------------------------

    def _start_thread(self) -> None:
        self._thread = threading.Thread(target=self._keep, name="wabroadcast-pairing", daemon=True)
        self._thread.start()

    def _hold(self) -> None:
        pair = self._redis_side.hold(token=self._token, store=self._names.store, seconds=self._life_seconds)
        if pair.token != self._token:
            raise self._foreign_store(pair)
        self._database.transact(
            lambda conn: installation_store.show_life(conn, token=self._token, redis=self._names.redis)
        )

    def _keep(self) -> None:
        while not self._closing.wait(self._life_seconds / 4):
            try:
                self.confirm()
                self._hold()
            except SetupError as error:
                self.fault = error
                log.error("%s", error)  # noqa: TRY400 - the text is enough, a traceback adds nothing
                return
            except (redis.RedisError, UnavailableError) as error:
                log.debug("no sign of life: %s", type(error).__name__)
