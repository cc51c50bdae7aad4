"""What the child processes of the stand-alone server run: ``python -m host_litestar.children PIPE web|worker …``.

Their settings come from the environment.
"""

import logging
import os
import signal
import socket
import sys
import threading
import time
from types import FrameType

from host_litestar.logs import set_up_logging
from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.errors import BroadcastError
from wabroadcast_core.settings import Settings
from wabroadcast_core.worker import Worker

log = logging.getLogger("host_litestar.children")  # run as a program, its own name would be __main__

WEB_STOP_SECONDS = 10  # how long requests under way may take to end
FORCED_STOP_SECONDS = 5.0  # beyond the graceful time, when nobody is left to kill us


def main(arguments: list[str]) -> int:
    lifeline, kind, *rest = arguments
    set_up_logging(f"{kind} {rest[0]}" if kind == "worker" else kind)
    settings = Settings()
    _watch_lifeline(int(lifeline), grace=settings.stop_seconds + FORCED_STOP_SECONDS)
    try:
        if kind == "web":
            run_web(settings, int(rest[0]))
        else:
            run_worker(settings, burst="burst" in rest)
    except BroadcastError as error:
        log.error("%s", error)  # noqa: TRY400 - the text says it all
        return 1
    return 0


def run_web(settings: Settings, listening: int) -> None:
    """Serve the API on a socket that is bound and listening already."""
    import uvicorn

    from host_litestar.app import create_app

    config = uvicorn.Config(
        create_app(settings),
        log_config=None,
        access_log=False,
        server_header=False,
        lifespan="on",
        timeout_graceful_shutdown=WEB_STOP_SECONDS,
    )
    with socket.socket(fileno=listening) as door:
        uvicorn.Server(config).run(sockets=[door])


def run_worker(settings: Settings, *, burst: bool) -> None:
    stop = threading.Event()

    def on_signal(number: int, frame: FrameType | None) -> None:
        del number, frame
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, on_signal)
    with Broadcaster(settings) as broadcaster:
        log.info("working")
        Worker(broadcaster).run(burst=burst, stop=stop)
    log.info("stopped")


def _watch_lifeline(lifeline: int, *, grace: float) -> None:
    """Stop when the supervisor is gone: nothing of ours may outlive it."""

    def watch() -> None:
        os.read(lifeline, 1)
        log.warning("the supervisor is gone: stopping")
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(grace)
        os._exit(1)

    threading.Thread(target=watch, name="lifeline", daemon=True).start()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
