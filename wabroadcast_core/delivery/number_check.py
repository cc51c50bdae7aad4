"""Who is on WhatsApp: asked of the provider right before a send, and remembered for a time.

Providers err: some take a network fault for an absent person. So one "no" only makes a message wait for a second
question; two of them end this message, and nothing is ever concluded about the contact.
"""

from collections.abc import Callable
from typing import Final

from wabroadcast_core.errors import ConnectionDown, SendError, Throttled
from wabroadcast_core.hookspecs import Cache, ChecksNumbers, Sender

KNOWN_SECONDS: Final = 7 * 86_400  # that a "yes" is believed
ABSENT_SECONDS: Final = 86_400  # that two "no" are
DOUBT_SECONDS: Final = 3_600  # that one "no" is remembered
AGAIN_SECONDS: Final = 60.0  # from the first "no" to the second question

_PRESENT: Final = "yes"
_ABSENT: Final = "no"


class NotOnWhatsApp(Exception):  # noqa: N818 - an outcome of one recipient
    """The provider said twice that nobody uses WhatsApp at this number."""


class NotFoundYet(Exception):  # noqa: N818 - an outcome of one recipient
    """The provider said so once. ``wait``: seconds until it is worth asking again."""

    def __init__(self, wait: float) -> None:
        super().__init__("not found on WhatsApp, asked again later")
        self.wait = wait


class NumberCheck:
    """:param kept: by number, what was found out of late."""

    def __init__(self, kept: Cache, *, now: Callable[[], float]) -> None:
        self._kept = kept
        self._now = now

    async def expect(self, sender: Sender, number: str) -> None:
        """Return if a message to this number makes sense as far as is known.

        :raises NotOnWhatsApp: :raises NotFoundYet: it does not (yet).
        :raises ConnectionDown: :raises Throttled: what the provider said instead; nothing was sent.
        """
        if not isinstance(sender, ChecksNumbers):
            return
        known = await self._kept.get(number)
        if known == _PRESENT:
            return
        if known == _ABSENT:
            raise NotOnWhatsApp
        since = 0.0 if known is None else float(known)
        if since and (wait := since + AGAIN_SECONDS - self._now()) > 0:
            raise NotFoundYet(wait)
        found = await _ask(sender, number)
        if found is None:
            return
        await self._conclude(number, present=found, doubted=bool(since))

    async def _conclude(self, number: str, *, present: bool, doubted: bool) -> None:
        if present:
            await self._kept.put(number, _PRESENT, seconds=KNOWN_SECONDS)
        elif doubted:
            await self._kept.put(number, _ABSENT, seconds=ABSENT_SECONDS)
            raise NotOnWhatsApp
        else:
            await self._kept.put(number, f"{self._now():.3f}", seconds=DOUBT_SECONDS)
            raise NotFoundYet(AGAIN_SECONDS)


async def _ask(sender: ChecksNumbers, number: str) -> bool | None:
    """What the provider says; None: it did not, and nothing is concluded from that."""
    try:
        return (await sender.check_numbers([number])).get(number)
    except (ConnectionDown, Throttled):
        raise
    except SendError:
        return None
