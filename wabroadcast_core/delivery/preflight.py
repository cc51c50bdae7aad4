"""The last checks of claimed messages, and their rendering."""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pydantic_core import from_json

from wabroadcast_core.clock import RedisClock
from wabroadcast_core.delivery.ready_messages import PendingSend
from wabroadcast_core.errors import PluginError
from wabroadcast_core.models.message import OutgoingMessage
from wabroadcast_core.models.status import SkipReason
from wabroadcast_core.outcomes import classify
from wabroadcast_core.plugins import Plugins
from wabroadcast_core.rendering.content import BadText, MissingVariable
from wabroadcast_core.snapshots import BroadcastSnapshot
from wabroadcast_core.store.claims import Claimed
from wabroadcast_core.store.messages import position_of
from wabroadcast_core.store.outcomes import Outcome

log = logging.getLogger(__name__)

MOST_AT_A_STRETCH = 64  # messages rendered before other coroutines run: some have slots to meet
PLUGIN_WAIT = 30.0  # seconds before a message is tried again for which a blacklist plugin failed


class Preflight:
    """Checks the blacklist plugins again and renders.

    :param put_aside: receives the outcome of a message that will not be sent now.
    """

    def __init__(self, plugins: Plugins, *, clock: RedisClock, put_aside: Callable[[Claimed, Outcome], None]) -> None:
        self._plugins = plugins
        self._clock = clock
        self._put_aside = put_aside

    async def check_and_render(self, claimed: Sequence[tuple[Claimed, BroadcastSnapshot]]) -> list[PendingSend]:
        """Return the messages that may be sent; the others are put aside with their reasons."""
        try:
            blocked = await self._blocked_by_plugins([message.number for message, _ in claimed])
        except PluginError as error:
            log.error("%s: no claimed message is sent, the next check is in %g s", error, PLUGIN_WAIT)  # noqa: TRY400 - it names the plugin and the error
            for message, _ in claimed:
                outcome = classify.given_back(message, now=self._clock.now(), wait=PLUGIN_WAIT, reason="blacklist_away")
                self._put_aside(message, outcome)
            return []
        ready: list[PendingSend] = []
        documents = from_json(f"[{','.join([message.variables or '{}' for message, _ in claimed])}]")  # at once: faster
        for place, ((message, broadcast), variables) in enumerate(zip(claimed, documents, strict=True), 1):
            if place % MOST_AT_A_STRETCH == 0:
                await asyncio.sleep(0)
            reason = blocked.get(message.number) if message.blocked is None else message.blocked
            if reason is not None:
                self._put_aside(message, classify.skipped(message, SkipReason.BLACKLISTED, reason))
            elif (outgoing := self._render(message, broadcast, variables)) is not None:
                ready.append(PendingSend(message, outgoing, broadcast, ready_at=0.0))
        rendered_at = self._clock.steady.now()
        for pending in ready:
            pending.ready_at = rendered_at
        return ready

    async def _blocked_by_plugins(self, numbers: list[str]) -> Mapping[str, str]:
        if not self._plugins.has_blacklists:
            return {}
        return await asyncio.to_thread(self._plugins.blacklisted, list(dict.fromkeys(numbers)))

    def _render(
        self, message: Claimed, broadcast: BroadcastSnapshot, variables: dict[str, Any]
    ) -> OutgoingMessage | None:
        try:
            rendered = broadcast.content.render(number=message.number, name=message.name, variables=variables)
        except MissingVariable as error:
            self._put_aside(message, classify.skipped(message, SkipReason.MISSING_VARIABLE, str(error)))
        except BadText as error:
            self._put_aside(message, classify.skipped(message, SkipReason.BAD_TEXT, str(error)))
        else:
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
        return None
