"""The last checks of claimed messages, and their rendering."""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, TypeAlias

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
PARSED_CHARACTERS: Final = 262_144  # of variables that are parsed at once
PLUGIN_WAIT: Final = 30.0  # seconds before a message is tried again for which a blacklist plugin failed

WithBroadcast: TypeAlias = tuple[Claimed, BroadcastSnapshot]


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

    async def check_and_render(self, claimed: Sequence[WithBroadcast]) -> list[PendingSend]:
        """Return the messages that may be sent; the others are put aside with their reasons."""
        try:
            blocked = await self._blocked_by_plugins([message.number for message, _ in claimed])
        except PluginError as error:
            log.error("%s: no claimed message is sent, the next check is in %g s", error, PLUGIN_WAIT)  # noqa: TRY400 - it names the plugin and the error
            for message, _ in claimed:
                outcome = classify.given_back(
                    message,
                    now=self._clock.now(),
                    wait=PLUGIN_WAIT,
                    reason=WaitReason.BLACKLIST_AWAY,
                    detail=str(error),
                )
                self._put_aside(message, outcome)
            return []
        ready = await self._render(self._without_blocked(claimed, blocked))
        rendered_at = self._clock.steady.now()
        for pending in ready:
            pending.ready_at = rendered_at
        return ready

    async def _blocked_by_plugins(self, numbers: list[str]) -> Mapping[str, str]:
        if not self._plugins.has_blacklists:
            return {}
        return await asyncio.to_thread(self._plugins.blacklisted, list(dict.fromkeys(numbers)))

    def _without_blocked(self, claimed: Sequence[WithBroadcast], blocked: Mapping[str, str]) -> list[WithBroadcast]:
        """Put aside the messages to blocked numbers and return the others."""
        allowed: list[WithBroadcast] = []
        for message, broadcast in claimed:
            reason = blocked.get(message.number) if message.blocked is None else message.blocked
            if reason is None:
                allowed.append((message, broadcast))
            else:
                self._put_aside(message, classify.skipped(message, SkipReason.BLACKLISTED, reason))
        return allowed

    async def _render(self, claimed: Sequence[WithBroadcast]) -> list[PendingSend]:
        """Return the messages that can be rendered, and put the others aside. Other coroutines run meanwhile."""
        ready: list[PendingSend] = []
        rendering = _render_each(claimed)
        is_plain = all(broadcast.content.is_plain for _, broadcast in claimed)
        while results := await self._next_results(rendering, on_loop=is_plain):
            for message, result in results:
                if isinstance(result, PendingSend):
                    ready.append(result)
                else:
                    self._put_aside(message, classify.skipped(message, result.reason, str(result)))
        return ready

    async def _next_results(self, rendering: Iterator["_Result"], *, on_loop: bool) -> list["_Result"]:
        """Return what is rendered within a stretch, one message at least; nothing at the end."""
        if not on_loop:
            return await asyncio.get_running_loop().run_in_executor(self._thread, self._take_stretch, rendering)
        results = self._take_stretch(rendering)
        if results:
            await asyncio.sleep(0)
        return results

    def _take_stretch(self, rendering: Iterator["_Result"]) -> list["_Result"]:
        results: list[_Result] = []
        until = self._timer() + STRETCH_SECONDS
        for result in rendering:
            results.append(result)
            if self._timer() >= until:
                break
        return results


_Result: TypeAlias = tuple[Claimed, PendingSend | NotRendered]


def _render_each(claimed: Iterable[WithBroadcast]) -> Iterator[_Result]:
    """Render messages one by one."""
    for group in _groups(claimed):
        documents = from_json(f"[{','.join([message.variables or '{}' for message, _ in group])}]")  # at once: faster
        for (message, broadcast), variables in zip(group, documents, strict=True):
            try:
                outgoing = _render_message(message, broadcast, variables)
            except NotRendered as error:
                yield message, error
            else:
                yield message, PendingSend(message, outgoing, broadcast, ready_at=0.0)


def _groups(claimed: Iterable[WithBroadcast]) -> Iterator[list[WithBroadcast]]:
    """Yield the messages in groups whose variables are parsed at once."""
    group: list[WithBroadcast] = []
    characters = 0
    for item in claimed:
        characters += len(item[0].variables or "")
        if group and characters > PARSED_CHARACTERS:
            yield group
            group, characters = [], len(item[0].variables or "")
        group.append(item)
    if group:
        yield group


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
