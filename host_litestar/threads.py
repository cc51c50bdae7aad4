"""The threads in which routes run, by what they do, so that slow work never keeps a pause or a probe waiting.

Routes without a decorator of this module run in the threads that Litestar shares among all others.
"""

from collections.abc import Callable, Coroutine
from functools import partial, wraps
from typing import Any, ParamSpec, TypeVar

from anyio import CapacityLimiter, to_thread
from anyio.lowlevel import RunVar

from wabroadcast_core.errors import BusyError

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")

_LIMITERS: RunVar[dict[str, CapacityLimiter]] = RunVar("wabroadcast_thread_limiters")  # by name, of one event loop


class ThreadGroup:
    """A number of threads for one kind of call. Nothing is started before the first call.

    :param kind: the calls, in the plural, as error texts name them.
    :param waiting: the most calls that wait for a thread; None for any number.
    """

    def __init__(self, kind: str, *, threads: int, waiting: int | None = None) -> None:
        self.threads = threads
        self.waiting = waiting
        self._kind = kind

    async def run(
        self, call: Callable[Parameters, Result], *args: Parameters.args, **kwargs: Parameters.kwargs
    ) -> Result:
        """Run a call in one of the threads.

        :raises BusyError: all threads are taken, and as many calls wait as may.
        """
        limiter = self._limiter()
        if self.waiting is not None and self._left(limiter) <= 0:
            raise BusyError(
                f"{self.threads} {self._kind} are running, as many as may run at once: try again in a few seconds"
            )
        return await to_thread.run_sync(partial(call, *args, **kwargs), limiter=limiter)

    def __call__(self, call: Callable[Parameters, Result]) -> Callable[Parameters, Coroutine[Any, Any, Result]]:
        """Decorate a synchronous handler of a route: it runs in these threads."""

        @wraps(call)
        async def handler(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
            return await self.run(call, *args, **kwargs)

        return handler

    def _left(self, limiter: CapacityLimiter) -> int:
        waiting = limiter.statistics().tasks_waiting
        return int(limiter.available_tokens) - waiting + (self.waiting or 0)

    def _limiter(self) -> CapacityLimiter:
        limiters = _LIMITERS.get({})
        if self._kind not in limiters:
            limiters[self._kind] = CapacityLimiter(self.threads)
            _LIMITERS.set(limiters)
        return limiters[self._kind]


CONTROL = ThreadGroup("control calls", threads=4)
PROBES = ThreadGroup("probes", threads=2)
PAGES = ThreadGroup("pages", threads=4, waiting=64)
SUBMITS = ThreadGroup("submits", threads=4, waiting=32)
TESTS = ThreadGroup("connection tests", threads=4, waiting=0)
RECEIVER_TESTS = ThreadGroup("tests of receivers", threads=2, waiting=0)
UNDOS = ThreadGroup("undos", threads=4, waiting=32)  # each waits some seconds for claimed messages
PREVIEWS = ThreadGroup("previews", threads=2, waiting=0)
LOOKS = ThreadGroup("looks at drafts", threads=4, waiting=32)  # each reads an audience, for some seconds at most
FILES = ThreadGroup("imports, dry runs, uploads and exports of contacts", threads=4, waiting=0)
LISTENS = ThreadGroup("openings of event streams", threads=2)
KEY_READS = ThreadGroup("reads of the API keys", threads=1)
KEY_USES = ThreadGroup("records of the use of API keys", threads=1)
