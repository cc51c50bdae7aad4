"""The last checks of claimed messages, and their rendering."""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from pydantic_core import from_json

from wabroadcast_core.clock import RedisClock
from wabroadcast_core.delivery.ready_messages import PendingSend
from wabroadcast_core.errors import PluginError
from wabroadcast_core.models.message import OutgoingMessage
from wabroadcast_core.models.status import SkipReason, WaitReason
from wabroadcast_core.outcomes import classify
from wabroadcast_core.plugins import Plugins
from wabroadcast_core.rendering.content import NotRendered
from wabroadcast_core.snapshots import BroadcastSnapshot
from wabroadcast_core.store.claims import Claimed
from wabroadcast_core.store.messages import position_of
from wabroadcast_core.store.outcomes import Outcome

log = logging.getLogger(__name__)

STRETCH_SECONDS: Final = 0.004  # of rendering before others run: coroutines with slots to meet, other connections
PARSED_TOGETHER: Final = 100  # messages whose variables are parsed at once
PARSED_CHARACTERS: Final = 262_144  # of their variables at most: longer ones are parsed message by message
PLUGIN_WAIT: Final = 30.0  # seconds before a message is tried again for which a blacklist plugin failed


class Preflight:
    """Checks the blacklist plugins again and renders.

    Contents of literals and variables are rendered on the event loop, the others in a thread of their own, in turns
    where several connections have some: their work is bounded, but far larger.

    :param put_aside: receives the outcome of a message that will not be sent now.
    :param timer: returns seconds; it measures how long messages are rendered at a stretch.
    """

    def __init__(
        self,
        plugins: Plugins,
        *,
        clock: RedisClock,
        put_aside: Callable[[Claimed, Outcome], None],
        timer: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._plugins = plugins
        self._clock = clock
        self._put_aside = put_aside
        self._timer = timer
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="wabroadcast-render")

    async def check_and_render(
        self, claimed: Sequence[Claimed], broadcasts: Mapping[int, BroadcastSnapshot]
    ) -> list[PendingSend]:
        """Return the messages that may be sent; the others are put aside with their reasons.

        :param broadcasts: their broadcasts by id.
        """
        try:
            blocked = await self._blocked_by_plugins(claimed)
        except PluginError as error:
            log.error("%s: no claimed message is sent, the next check is in %g s", error, PLUGIN_WAIT)  # noqa: TRY400 - it names the plugin and the error
            for message in claimed:
                outcome = classify.given_back(
                    message,
                    now=self._clock.now(),
                    wait=PLUGIN_WAIT,
                    reason=WaitReason.BLACKLIST_AWAY,
                    detail=str(error),
                )
                self._put_aside(message, outcome)
            return []
        ready = await self._render(self._without_blocked(claimed, blocked), broadcasts)
        rendered_at = self._clock.steady.now()
        for pending in ready:
            pending.ready_at = rendered_at
        return ready

    async def _blocked_by_plugins(self, claimed: Sequence[Claimed]) -> Mapping[str, str]:
        if not self._plugins.has_blacklists:
            return {}
        numbers = list(dict.fromkeys(message.number for message in claimed))
        return await asyncio.to_thread(self._plugins.blacklisted, numbers)

    def _without_blocked(self, claimed: Sequence[Claimed], blocked: Mapping[str, str]) -> list[Claimed]:
        """Put aside the messages to blocked numbers and return the others."""
        allowed: list[Claimed] = []
        for message in claimed:
            reason = blocked.get(message.number) if message.blocked is None else message.blocked
            if reason is None:
                allowed.append(message)
            else:
                self._put_aside(message, classify.skipped(message, SkipReason.BLACKLISTED, reason))
        return allowed

    async def _render(
        self, claimed: Sequence[Claimed], broadcasts: Mapping[int, BroadcastSnapshot]
    ) -> list[PendingSend]:
        """Return the messages that can be rendered, and put the others aside. Other coroutines run meanwhile."""
        rendering = _Rendering(claimed, broadcasts, timer=self._timer)
        is_plain = all(broadcast.content.is_plain for broadcast in broadcasts.values())
        while await self._render_stretch(rendering, on_loop=is_plain):
            pass
        for message, error in rendering.refused:
            self._put_aside(message, classify.skipped(message, error.reason, str(error)))
        return rendering.ready

    async def _render_stretch(self, rendering: "_Rendering", *, on_loop: bool) -> bool:
        """Render for a stretch of time, then let others run. Return whether messages may be left."""
        if not on_loop:
            return await asyncio.get_running_loop().run_in_executor(self._thread, rendering.render_stretch)
        are_left = rendering.render_stretch()
        await asyncio.sleep(0)
        return are_left


class _Rendering:
    """The rendering of claimed messages, one stretch after the other."""

    def __init__(
        self, claimed: Sequence[Claimed], broadcasts: Mapping[int, BroadcastSnapshot], *, timer: Callable[[], float]
    ) -> None:
        self._left = _with_variables(claimed)
        self._broadcasts = broadcasts
        self._timer = timer
        self.ready: list[PendingSend] = []
        self.refused: list[tuple[Claimed, NotRendered]] = []

    def render_stretch(self) -> bool:
        """Render for a stretch of time, one message at least.

        :returns: whether messages may be left.
        """
        until = self._timer() + STRETCH_SECONDS
        for message, variables in self._left:
            broadcast = self._broadcasts[message.broadcast_id]
            try:
                outgoing = _render_message(message, broadcast, variables)
            except NotRendered as error:
                self.refused.append((message, error))
            else:
                self.ready.append(PendingSend(message, outgoing, broadcast, 0.0))
            if self._timer() >= until:
                return True
        return False


def _with_variables(claimed: Sequence[Claimed]) -> Iterator[tuple[Claimed, dict[str, Any]]]:
    """Yield each message with its variables."""
    for start in range(0, len(claimed), PARSED_TOGETHER):
        group = claimed[start : start + PARSED_TOGETHER]
        yield from zip(group, _parse([message.variables or "{}" for message in group]), strict=True)


def _parse(documents: Sequence[str]) -> Iterable[dict[str, Any]]:
    """Parse JSON documents: short ones at once, which is faster."""
    if sum(map(len, documents)) > PARSED_CHARACTERS:
        return map(from_json, documents)
    parsed: list[dict[str, Any]] = from_json(f"[{','.join(documents)}]")
    return parsed


def _render_message(message: Claimed, broadcast: BroadcastSnapshot, variables: dict[str, Any]) -> OutgoingMessage:
    """Render the message of one recipient.

    :raises NotRendered: it cannot be rendered from these variables.
    """
    rendered = broadcast.render(number=message.number, name=message.name, variables=variables)
    return OutgoingMessage(
        f"{broadcast.job_id}-{position_of(message.key)}",
        message.number,
        broadcast.content.type,
        rendered.text,
        rendered.content,
        message.name,
        variables,
        message.attempts + 1,
    )
