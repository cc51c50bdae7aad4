"""Webhook calls on their way through the intake, and their answers on the way to those that wait for them."""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TypeAlias

from wabroadcast_core.models.receipt import WebhookRequest

Reply: TypeAlias = str | None
"""The text that a handshake is answered with; None for any other call."""


@dataclass(slots=True)
class TakenCall:
    """A call, or only the question whether there is a connection of its name.

    :param connection: the name of the connection.
    :param request: the call; None for the question.
    :param answer: what the caller waits for, in a thread or on an event loop.
    """

    connection: str
    request: WebhookRequest | None
    answer: "Future[Reply] | asyncio.Future[Reply]"
    is_answered: bool = False


class CallAnswers:
    """The answers to a batch of calls. For one thread, which is not that of an event loop.

    The answers for one event loop are kept until :meth:`pass_on`, and then take one wake-up of it: a wake-up costs more
    than all else that is done to answer a call.
    """

    def __init__(self) -> None:
        self._of_loops: defaultdict[asyncio.AbstractEventLoop, list[_Outcome]] = defaultdict(list)

    def reply(self, call: TakenCall, reply: Reply) -> None:
        """Answer a call."""
        call.is_answered = True
        if isinstance(call.answer, Future):
            call.answer.set_result(reply)
        else:
            self._of_loops[call.answer.get_loop()].append((call.answer, reply, None))

    def fail(self, call: TakenCall, error: Exception) -> None:
        """Raise an error in the caller."""
        call.is_answered = True
        if isinstance(call.answer, Future):
            call.answer.set_exception(error)
        else:
            self._of_loops[call.answer.get_loop()].append((call.answer, None, error))

    def pass_on(self) -> None:
        """Pass the answers on to their event loops."""
        of_loops, self._of_loops = self._of_loops, defaultdict(list)
        for loop, outcomes in of_loops.items():
            with contextlib.suppress(RuntimeError):  # the loop is closed: no caller waits any more
                loop.call_soon_threadsafe(_resolve, outcomes)


_Outcome: TypeAlias = tuple["asyncio.Future[Reply]", Reply, Exception | None]


def _resolve(outcomes: Sequence[_Outcome]) -> None:
    for answer, reply, error in outcomes:
        if answer.done():  # cancelled: the client has disconnected
            continue
        if error is None:
            answer.set_result(reply)
        else:
            answer.set_exception(error)
