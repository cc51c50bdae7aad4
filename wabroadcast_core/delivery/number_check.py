"""The number check: before a send, the provider reports whether the number is on WhatsApp. Its answers are cached.

Providers make mistakes: some report a number as absent after a network fault. So the first "no" only makes the message
wait for a second check. The second "no" ends this message, but changes nothing about the contact.
"""

from collections.abc import Callable
from typing import Final

from wabroadcast_core.errors import ConnectionDown, SendError, Throttled
from wabroadcast_core.hookspecs import Cache, ChecksNumbers, Sender

KNOWN_SECONDS: Final = 7 * 86_400  # for which a "yes" is cached
ABSENT_SECONDS: Final = 86_400  # for which a second "no" is cached
DOUBT_SECONDS: Final = 3_600  # for which a first "no" is cached
AGAIN_SECONDS: Final = 60.0  # between the first "no" and the second check

_PRESENT: Final = "yes"
_ABSENT: Final = "no"


class NotOnWhatsApp(Exception):  # noqa: N818 - an outcome of one recipient
    """The provider answered twice that the number is not on WhatsApp. The message is skipped."""


class NotFoundYet(Exception):  # noqa: N818 - an outcome of one recipient
    """The provider answered once that the number is not on WhatsApp. The message waits for a second check.

    :param wait: seconds until the second check.
    """

    def __init__(self, wait: float) -> None:
        super().__init__(f"the number was not found on WhatsApp: it is checked again in {wait:.0f} s")
        self.wait = wait


class NumberCheck:
    """Checks before a send whether a number is on WhatsApp.

    :param cache: the results of earlier checks by number.
    :param now: the clock (UNIX seconds).
    """

    def __init__(self, cache: Cache, *, now: Callable[[], float]) -> None:
        self._cache = cache
        self._now = now

    async def check_number(self, sender: Sender, number: str) -> None:
        """Check that a number is on WhatsApp. Return if it is, or if it cannot be checked.

        :raises NotOnWhatsApp: the provider answered "no" twice.
        :raises NotFoundYet: the provider answered "no" once.
        :raises ConnectionDown: the provider refused the check for this reason; no message was sent.
        :raises Throttled: the provider refused the check for this reason; no message was sent.
        """
        if not isinstance(sender, ChecksNumbers):
            return
        known = await self._cache.get(number)
        if known == _PRESENT:
            return
        if known == _ABSENT:
            raise NotOnWhatsApp
        first_no_at = 0.0 if known is None else float(known)
        if first_no_at and (wait := first_no_at + AGAIN_SECONDS - self._now()) > 0:
            raise NotFoundYet(wait)
        present = await _check(sender, number)
        if present is None:
            return
        await self._store_result(number, present=present, is_second=bool(first_no_at))

    async def _store_result(self, number: str, *, present: bool, is_second: bool) -> None:
        """Cache the answer of a provider.

        :param is_second: whether an earlier check gave a "no".
        :raises NotOnWhatsApp: this is the second "no".
        :raises NotFoundYet: this is the first "no".
        """
        if present:
            await self._cache.put(number, _PRESENT, seconds=KNOWN_SECONDS)
        elif is_second:
            await self._cache.put(number, _ABSENT, seconds=ABSENT_SECONDS)
            raise NotOnWhatsApp
        else:
            await self._cache.put(number, f"{self._now():.3f}", seconds=DOUBT_SECONDS)
            raise NotFoundYet(AGAIN_SECONDS)


async def _check(sender: ChecksNumbers, number: str) -> bool | None:
    """Return the answer of the provider, or None if it gave none: the message is then sent unchecked."""
    try:
        return (await sender.check_numbers([number])).get(number)
    except (ConnectionDown, Throttled):
        raise
    except SendError:
        return None
