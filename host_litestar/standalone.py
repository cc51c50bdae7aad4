"""The stand-alone server: a web process and worker processes under a supervisor, and an embedded Valkey if needed."""

import contextlib
import errno
import http.client
import json
import logging
import os
import shlex
import shutil
import socket
import sys
import time
import webbrowser
from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pydantic import SecretStr
from pydantic_core import to_jsonable_python

from host_litestar.auth import is_loopback
from host_litestar.child_processes import FORCED_STOP_SECONDS, WEB_STOP_SECONDS
from host_litestar.supervisor import Role, Supervisor
from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.errors import SetupError
from wabroadcast_core.opening import open_store
from wabroadcast_core.queue.embedded import EmbeddedValkey
from wabroadcast_core.services.connections import SANDBOX
from wabroadcast_core.settings import Settings
from wabroadcast_core.store import api_keys as key_store

log = logging.getLogger(__name__)

SAMPLE = Path(__file__).with_name("samples") / "contacts.csv"
FIRST_MESSAGE = "Halo {{ name }}, kode Anda {{ kode }}"
BACKLOG = 2_048  # TCP connections that may wait to be accepted
READY_SECONDS = 3.0  # time for the check of the store and Redis, which wait for each of them
PROBE_SECONDS = 0.5  # time for the web process to answer a probe
SHORTEST_KEY = 16  # characters of an API key, where other machines reach the server
VALKEY_RESTART_SECONDS = 1.0  # least time between two attempts to restart the embedded Valkey
_WILDCARDS = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104 - compared, not bound


def serve(settings: Settings, *, echo: Callable[[str], None], open_browser: bool = False) -> int:
    """Run the web process and the workers until a signal comes.

    :param echo: prints the start lines, once the web process answers.
    :param open_browser: whether the dashboard is opened in a browser then.
    :returns: the exit status.
    :raises SetupError: the server cannot start with these settings.
    """
    with open_socket(settings.host, settings.port) as listener, _running_services(settings) as (environment, valkey):
        has_stored_keys = stored_keys_exist(settings)
        check_access(settings, has_stored_keys=has_stored_keys)
        roles = [
            Role("web", ("web", str(listener.fileno())), WEB_STOP_SECONDS + 1, fds=(listener.fileno(),)),
            *_worker_roles(settings, settings.workers, burst=False),
        ]
        address = address_of(settings.host, listener.getsockname()[1])

        def print_lines(causes: Sequence[str]) -> None:
            echo(start_lines(settings, address, causes, needs_key=has_stored_keys or bool(settings.api_keys)))
            if open_browser and not webbrowser.open(address):
                echo(f"no browser was found on this machine: open {address} yourself")

        start_message = _StartMessage(address, print_lines)

        def on_poll() -> None:
            valkey.restart_if_ended()
            start_message.print_when_ready()

        return Supervisor(roles, environment=environment, on_poll=on_poll, on_stop=listener.close).run()


def work(settings: Settings, *, processes: int, burst: bool) -> int:
    """Run worker processes until a signal comes.

    :param processes: number of worker processes.
    :param burst: end earlier, as soon as no work is due.
    :returns: the exit status.
    :raises SetupError: the workers cannot start with these settings.
    """
    with _running_services(settings) as (environment, valkey):
        roles = _worker_roles(settings, processes, burst=burst)
        return Supervisor(roles, environment=environment, on_poll=valkey.restart_if_ended).run()


def stored_keys_exist(settings: Settings) -> bool:
    """Return whether the store, whose tables are migrated, has or had API keys."""
    database = open_store(settings, None)
    try:
        with database.read() as conn:
            return key_store.has_any(conn)
    finally:
        database.close()


def check_access(settings: Settings, *, has_stored_keys: bool = False) -> None:
    """Check that only callers on this machine can reach a server without API keys, or with keys that can be guessed.

    :raises SetupError: the host can be reached from other machines, and no API key is set, or a short one.
    """
    if is_loopback(settings.host):
        return
    if any(len(key.get_secret_value()) < SHORTEST_KEY for key in settings.api_keys):
        raise SetupError(
            f"an API key has less than {SHORTEST_KEY} characters, and other machines could guess it on"
            f" {settings.host}: use a long one, as `openssl rand -hex 24` prints, or leave --host at 127.0.0.1"
        )
    if not (settings.api_keys or has_stored_keys):
        raise SetupError(
            f"no API key is set, and other machines could reach the server on {settings.host}: create one with"
            " `wabroadcast keys create NAME --scope admin --local`, set WABROADCAST_API_KEYS (or --api-key), or leave"
            " --host at 127.0.0.1"
        )


def open_socket(host: str, port: int) -> socket.socket:
    """Open a listening socket.

    :param port: the port; 0 picks a free one.
    :raises SetupError: the port is in use, or the address does not belong to this machine.
    """
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0][0]
        return socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            reason = f"port {port} on {host} is in use: stop the program that uses it, or choose another with --port"
        else:
            cause = str(error.strerror or error).partition(" (while")[0]  # Python adds the address here
            reason = f"cannot listen on {host} port {port}: {cause}: choose another with --host"
        raise SetupError(reason) from error


def address_of(host: str, port: int) -> str:
    """Return the URL at which programs on this machine reach the server."""
    reachable = _WILDCARDS.get(host, host)
    return f"http://[{reachable}]:{port}" if ":" in reachable else f"http://{reachable}:{port}"


def start_lines(settings: Settings, address: str, causes: Sequence[str], *, needs_key: bool) -> str:
    """Return the lines that ``serve`` prints when everything runs: dashboard, data, access, a first command.

    :param causes: what keeps the server from sending, and what to do.
    :param needs_key: whether a call needs an API key.
    """
    access = (
        "with an API key: send Authorization: Bearer <key>"
        if needs_key
        else "no API key is set: only this machine has access (`wabroadcast keys create` makes a key)"
    )
    store = "the database in WABROADCAST_DATABASE_URL" if settings.database_url else settings.data_dir.resolve()
    return "\n".join(
        [
            f"wabroadcast {version('wabroadcast')} is running: open {address} in a browser; press Ctrl-C to stop it",
            *(f"  NOTHING IS SENT YET: {cause}" for cause in causes),
            f"  API      {address}",
            f"  docs     {address}/schema",
            f"  data     {store}",
            f"  access   {access}",
            f"  workers  {settings.workers}",
            "To send a first broadcast (to the sandbox, which reaches no real phone), paste into another terminal:",
            f"  {first_command(address, needs_key=needs_key)}",
        ]
    )


def first_command(address: str, *, needs_key: bool) -> str:
    """Return a shell line that sends the bundled sample; it works in any working directory, with any ``PATH``."""
    variables = [] if address == "http://127.0.0.1:3004" else [f"WABROADCAST_URL={address}"]
    if needs_key:
        variables.append("WABROADCAST_API_KEY='<your key>'")
    arguments = ["send", shlex.quote(str(SAMPLE)), "--connection", SANDBOX, "--message", shlex.quote(FIRST_MESSAGE)]
    return " ".join([*variables, _program(), *arguments])


def environment_of(settings: Settings) -> dict[str, str]:
    """Return the environment variables from which :class:`Settings` reads exactly these settings."""
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
    stop_seconds = settings.stop_seconds + FORCED_STOP_SECONDS
    options = ("burst",) if burst else ()
    return [
        Role(f"worker {number}", ("worker", str(number), *options), stop_seconds, once=burst)
        for number in range(1, processes + 1)
    ]


def _program() -> str:
    """Return how a shell runs this program: its name if ``PATH`` has it, otherwise its full path."""
    program = Path(sys.argv[0])
    if program.name != "wabroadcast":
        return f"{shlex.quote(sys.executable)} -m host_litestar"
    full_path = str(program.resolve())
    return "wabroadcast" if shutil.which("wabroadcast") == full_path else shlex.quote(full_path)


@contextlib.contextmanager
def _running_services(settings: Settings) -> Iterator[tuple[dict[str, str], "_Valkey"]]:
    """Start the embedded Valkey if needed, and migrate the store; on exit, stop the Valkey, after the child processes.

    Yields the environment of the child processes, and the Valkey.
    """
    valkey = _Valkey(settings)
    valkey.start()
    try:
        if valkey.url is not None:
            settings = settings.model_copy(update={"redis_url": SecretStr(valkey.url)})
        with Broadcaster(settings):  # a fault of the settings is reported here, once, before any child process starts
            pass
        yield {**os.environ, **environment_of(settings)}, valkey
    finally:
        valkey.stop()


class _Valkey:
    """The embedded Valkey, if the settings have no Redis address; it is restarted when it ends."""

    def __init__(self, settings: Settings) -> None:
        self._server = EmbeddedValkey(settings.data_dir) if settings.redis_url is None else None
        self._next_attempt_at = 0.0

    @property
    def url(self) -> str | None:
        return None if self._server is None else self._server.url

    def start(self) -> None:
        if self._server is not None:
            self._server.start()

    def restart_if_ended(self) -> None:
        if self._server is None or self._server.is_running() or time.monotonic() < self._next_attempt_at:
            return
        self._next_attempt_at = time.monotonic() + VALKEY_RESTART_SECONDS
        if self._server.is_owned:
            log.warning("the embedded Valkey has ended (%s): restarting it", self._server.describe_end())
        try:
            self._server.start()
        except SetupError as error:
            log.error("%s", error)  # noqa: TRY400 - the text is enough, a traceback adds nothing

    def stop(self) -> None:
        if self._server is not None:
            self._server.stop()


class _StartMessage:
    """The start lines, printed once, when the web process answers its probe; and what keeps it from sending.

    :param print_lines: prints the start lines, followed by the causes.
    """

    def __init__(self, address: str, print_lines: Callable[[Sequence[str]], None]) -> None:
        self._host_and_port = address.removeprefix("http://")
        self._print_lines: Callable[[Sequence[str]], None] | None = print_lines

    def print_when_ready(self) -> None:
        if self._print_lines is not None and self._ask("/health/live", seconds=PROBE_SECONDS) is not None:
            readiness = self._ask("/health/ready", seconds=READY_SECONDS) or {}
            self._print_lines(list(readiness.get("causes", {}).values()))
            self._print_lines = None

    def _ask(self, path: str, *, seconds: float) -> dict[str, Any] | None:
        """Return the answer of a probe; None if there is none."""
        with contextlib.closing(http.client.HTTPConnection(self._host_and_port, timeout=seconds)) as client:
            try:
                client.request("GET", path)
                answer = json.loads(client.getresponse().read())
            except (OSError, http.client.HTTPException, ValueError):
                return None
        return answer if isinstance(answer, dict) else None
