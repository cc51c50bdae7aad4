"""The stand-alone server: an embedded Valkey where none is named, one web process, worker processes, supervised."""

import contextlib
import errno
import http.client
import logging
import os
import shlex
import shutil
import socket
import sys
import time
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path

from pydantic import SecretStr
from pydantic_core import to_jsonable_python

from host_litestar.auth import is_loopback
from host_litestar.children import FORCED_STOP_SECONDS, WEB_STOP_SECONDS
from host_litestar.supervisor import Role, Supervisor
from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.errors import SetupError
from wabroadcast_core.queue.embedded import EmbeddedValkey
from wabroadcast_core.services.connections import FIRST_NAME
from wabroadcast_core.settings import Settings

log = logging.getLogger(__name__)

SAMPLE = Path(__file__).with_name("samples") / "contacts.csv"
FIRST_MESSAGE = "Halo {{ name }}, kode Anda {{ kode }}"
BACKLOG = 2_048
ANSWER_SECONDS = 0.5
VALKEY_PAUSE = 1.0
_WEB_STAGE, _WORKER_STAGE = 0, 1
_WILDCARDS = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104 - compared, not bound


def serve(settings: Settings, *, say: Callable[[str], None]) -> int:
    """Run everything until a signal comes.

    :param say: gets the start lines.
    :returns: the exit status.
    :raises SetupError: it cannot start like this.
    """
    check_door(settings)
    with open_socket(settings.host, settings.port) as door, _running_engine(settings) as (environment, valkey):
        roles = [
            Role("web", ("web", str(door.fileno())), _WEB_STAGE, WEB_STOP_SECONDS + 1, fds=(door.fileno(),)),
            *_worker_roles(settings, settings.workers, burst=False),
        ]
        address = address_of(settings.host, door.getsockname()[1])
        herald = _StartMessage(address, lambda: say(start_lines(settings, address)))

        def tend() -> None:
            valkey.tend()
            herald.look()

        return Supervisor(roles, environment=environment, tend=tend, on_stop=door.close).run()


def work(settings: Settings, *, processes: int, burst: bool) -> int:
    """Run worker processes until a signal comes, or with ``burst`` until nothing is due.

    :raises SetupError: they cannot start like this.
    """
    with _running_engine(settings) as (environment, valkey):
        roles = _worker_roles(settings, processes, burst=burst)
        return Supervisor(roles, environment=environment, tend=valkey.tend).run()


def check_door(settings: Settings) -> None:
    """:raises SetupError: strangers could reach a server that asks for no key."""
    if not settings.api_keys and not is_loopback(settings.host):
        raise SetupError(
            f"without API keys {settings.host} is not served: set WABROADCAST_API_KEYS (or --api-key),"
            " or leave --host at 127.0.0.1"
        )


def open_socket(host: str, port: int) -> socket.socket:
    """A listening socket. :raises SetupError: the port is taken or the address is not ours."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0][0]
        return socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            reason = f"port {port} on {host} is taken: stop what uses it, or choose another with --port"
        else:
            reason = f"{host} port {port} cannot be listened on: {error.strerror or error}"
        raise SetupError(reason) from error


def address_of(host: str, port: int) -> str:
    """The address to reach the server at from this machine."""
    reachable = _WILDCARDS.get(host, host)
    return f"http://[{reachable}]:{port}" if ":" in reachable else f"http://{reachable}:{port}"


def start_lines(settings: Settings, address: str) -> str:
    """What a person needs to know once everything runs."""
    keys = (
        f"{len(settings.api_keys)} API key(s): send Authorization: Bearer <key>"
        if settings.api_keys
        else "no API key: only this machine is served (set WABROADCAST_API_KEYS to serve others)"
    )
    store = "the database of WABROADCAST_DATABASE_URL" if settings.database_url else settings.data_dir.resolve()
    return "\n".join(
        [
            f"wabroadcast {version('wabroadcast')} is running; Ctrl-C stops it",
            f"  API      {address}",
            f"  docs     {address}/schema",
            f"  data     {store}",
            f"  door     {keys}",
            f"  workers  {settings.workers}",
            "Send a first broadcast, through a sandbox that reaches nobody. Paste into another terminal:",
            f"  {first_command(settings, address)}",
        ]
    )


def first_command(settings: Settings, address: str) -> str:
    """A shell line that sends the bundled sample, whatever the working directory and the path are."""
    variables = [] if address == "http://127.0.0.1:3004" else [f"WABROADCAST_URL={address}"]
    if settings.api_keys:
        variables.append("WABROADCAST_API_KEY='<your key>'")
    sending = ["send", shlex.quote(str(SAMPLE)), "--connection", FIRST_NAME, "--message", shlex.quote(FIRST_MESSAGE)]
    return " ".join([*variables, _program(), *sending])


def environment_of(settings: Settings) -> dict[str, str]:
    """The environment in which :class:`Settings` reads these very settings."""
    given = {name: getattr(settings, name) for name in settings.model_fields_set}
    given["data_dir"] = settings.data_dir.resolve()
    return {f"WABROADCAST_{name.upper()}": _as_text(value) for name, value in given.items() if value is not None}


def _as_text(value: object) -> str:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, list):
        return ",".join(_as_text(item) for item in value)
    return str(to_jsonable_python(value))


def _worker_roles(settings: Settings, processes: int, *, burst: bool) -> list[Role]:
    patience = settings.stop_seconds + FORCED_STOP_SECONDS
    options = ("burst",) if burst else ()
    return [
        Role(f"worker {number}", ("worker", str(number), *options), _WORKER_STAGE, patience, once=burst)
        for number in range(1, processes + 1)
    ]


def _program() -> str:
    """How this program was called, so that the line to paste finds it too."""
    called = Path(sys.argv[0])
    if called.name != "wabroadcast":
        return f"{shlex.quote(sys.executable)} -m host_litestar"
    return "wabroadcast" if shutil.which("wabroadcast") == str(called.resolve()) else shlex.quote(str(called.resolve()))


@contextlib.contextmanager
def _running_engine(settings: Settings) -> Iterator[tuple[dict[str, str], "_Valkey"]]:
    """Redis and the tables are there: yields the children's environment. Redis ends last."""
    valkey = _Valkey(settings)
    valkey.start()
    try:
        found = settings if valkey.url is None else settings.model_copy(update={"redis_url": SecretStr(valkey.url)})
        with Broadcaster(found):  # says now, and once, what would keep every child from starting
            pass
        yield {**os.environ, **environment_of(found)}, valkey
    finally:
        valkey.stop()


class _Valkey:
    """The embedded server, if the settings name none: kept running."""

    def __init__(self, settings: Settings) -> None:
        self._server = EmbeddedValkey(settings.data_dir) if settings.redis_url is None else None
        self._next_look = 0.0

    @property
    def url(self) -> str | None:
        return None if self._server is None else self._server.url

    def start(self) -> None:
        if self._server is not None:
            self._server.start()

    def tend(self) -> None:
        if self._server is None or self._server.is_running() or time.monotonic() < self._next_look:
            return
        self._next_look = time.monotonic() + VALKEY_PAUSE
        if self._server.is_owned:
            log.warning("the embedded Valkey ended; it starts again")
        try:
            self._server.start()
        except SetupError as error:
            log.error("%s", error)  # noqa: TRY400 - the text says it all

    def stop(self) -> None:
        if self._server is not None:
            self._server.stop()


class _StartMessage:
    """Speaks once, when the web process answers."""

    def __init__(self, address: str, speak: Callable[[], None]) -> None:
        self._place = address.removeprefix("http://")
        self._speak: Callable[[], None] | None = speak

    def look(self) -> None:
        if self._speak is not None and self._answers():
            self._speak()
            self._speak = None

    def _answers(self) -> bool:
        with contextlib.closing(http.client.HTTPConnection(self._place, timeout=ANSWER_SECONDS)) as connection:
            try:
                connection.request("GET", "/health/live")
                return connection.getresponse().status == http.HTTPStatus.OK
            except (OSError, http.client.HTTPException):
                return False
