"""The program of the child processes that the supervisor starts, web or worker.

It is run as ``python -m host_litestar.child_processes PIPE web SOCKET`` or ``… PIPE worker NUMBER [burst]``, where PIPE
and SOCKET are inherited file descriptors. The settings come from the environment.
"""

import gc
import logging
import os
import resource
import signal
import socket
import sys
import threading
import time
from functools import partial
from types import FrameType

from host_litestar.limits import RESERVED_FILES
from host_litestar.logs import set_up_logging
from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.errors import BroadcastError, WorkerFault
from wabroadcast_core.settings import Settings
from wabroadcast_core.worker import Worker

log = logging.getLogger("host_litestar.child_processes")  # not __name__, which is __main__ when run as a program

WEB_STOP_SECONDS = 10  # how long requests in progress may take to end
MOST_FILES = 65_536  # open files of one process; a higher hard limit is not used
FORCED_STOP_SECONDS = 5.0  # added to ``stop_seconds``: then the process exits, as no supervisor is left to kill it


def main(arguments: list[str]) -> int:
    """Run one child process to its end.

    :param arguments: PIPE, ``web`` or ``worker``, and what the kind needs, as the module's docstring says.
    :returns: the exit status.
    """
    pipe, kind, *rest = arguments
    settings = Settings()
    set_up_logging(f"{kind} {rest[0]}" if kind == "worker" else kind, log_format=settings.log_format)
    _stop_with_supervisor(int(pipe), stop_seconds=settings.stop_seconds + FORCED_STOP_SECONDS)
    try:
        if kind == "web":
            run_web(settings, int(rest[0]))
        else:
            run_worker(settings, burst="burst" in rest)
    except WorkerFault as error:
        log.error("%s", error)  # noqa: TRY400 - as below
        logging.shutdown()
        os._exit(1)  # a thread that a plugin holds would keep the process for ever
    except BroadcastError as error:
        log.error("%s", error)  # noqa: TRY400 - the text is enough, a traceback adds nothing
        return 1
    return 0


def run_web(settings: Settings, descriptor: int) -> None:
    """Serve the API until a signal comes.

    :param descriptor: file descriptor of a socket that is bound and listening already.
    """
    import uvicorn

    from host_litestar.app import create_app
    from host_litestar.http_protocol import ConnectionLimits, LimitedProtocol, OpenConnections

    connections = OpenConnections(
        ConnectionLimits(
            connections=min(settings.max_connections, raise_file_limit() - RESERVED_FILES),
            head_seconds=settings.head_seconds,
            body_seconds=settings.body_seconds,
        )
    )
    config = uvicorn.Config(
        create_app(settings),
        http=partial(LimitedProtocol, connections=connections),  # type: ignore[arg-type]  # uvicorn only calls it
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        lifespan="on",
        timeout_graceful_shutdown=WEB_STOP_SECONDS,
    )
    gc.freeze()  # the application stays: to search it for garbage stops all requests for 0.1 s each time
    with socket.socket(fileno=descriptor) as listener:
        uvicorn.Server(config).run(sockets=[listener])


def raise_file_limit() -> int:
    """Raise the limit of open files of this process to the hard limit.

    :returns: the limit.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, MOST_FILES)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def run_worker(settings: Settings, *, burst: bool) -> None:
    """Run a worker until a signal comes.

    :param burst: end earlier, as soon as no work is due.
    """
    stop = threading.Event()

    def on_signal(number: int, frame: FrameType | None) -> None:
        del number, frame
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, on_signal)
    raise_file_limit()
    with Broadcaster(settings) as broadcaster:
        log.info("worker started")
        Worker(broadcaster).run(burst=burst, stop=stop)
    log.info("worker stopped")


def _stop_with_supervisor(pipe: int, *, stop_seconds: float) -> None:
    """Stop this process when the supervisor ends, so that no child process outlives it.

    :param pipe: read end of a pipe whose write end only the supervisor has: a read returns when the supervisor ends.
    :param stop_seconds: time to stop after SIGTERM; then the process exits at once.
    """

    def wait_and_stop() -> None:
        os.read(pipe, 1)
        log.warning("the supervisor process has ended: stopping this process")
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(stop_seconds)
        os._exit(1)

    threading.Thread(target=wait_and_stop, name="supervisor-watch", daemon=True).start()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
