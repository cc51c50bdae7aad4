"""For test systems: no number but the listed ones gets a message of a broadcast.

Hooks: wab_validate_numbers, wab_before_send. Settings: WABROADCAST_ONLY_NUMBERS; off without it.

A test system often works on a copy of real data. New broadcasts skip all other numbers while their audience is
prepared. Messages that were prepared before, such as those of a copied database, are stopped right before the send:
they fail, and after a few of them the circuit breaker pauses their broadcast. Automatic replies to people who write to
a connection are not affected.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from wabroadcast_core import NumberError, OutgoingMessage, Rejected, Settings, SetupError, hookimpl, parse_number
from wabroadcast_plugins.sentences import say
from wabroadcast_plugins.settings import read_plugin_settings

SETTINGS: Final = ("WABROADCAST_ONLY_NUMBERS",)
CODE: Final = "not_a_test_number"
REASON: Final = say("number_not_listed", setting=SETTINGS[0])


class OnlyNumbers:
    """A guard that lets only some numbers through.

    :param numbers: in E.164.
    """

    def __init__(self, numbers: Iterable[str]) -> None:
        self._numbers = frozenset(numbers)

    @hookimpl
    def wab_validate_numbers(self, numbers: Sequence[str]) -> dict[str, str]:
        return {number: REASON for number in numbers if number not in self._numbers}

    @hookimpl
    def wab_before_send(self, message: OutgoingMessage) -> None:
        if message.number not in self._numbers:
            raise Rejected(CODE, REASON)


def create_plugin(settings: Settings) -> OnlyNumbers | None:
    """Return the plugin, or None where no numbers are set.

    :raises SetupError: an entry is no phone number, or a setting of the built-in plugins does not fit.
    """
    entries = read_plugin_settings().only_numbers
    if entries is None:
        return None
    return OnlyNumbers(_parse_entry(entry, place, settings) for place, entry in enumerate(entries, 1))


def _parse_entry(entry: str, place: int, settings: Settings) -> str:
    try:
        return parse_number(entry, region=settings.default_region)
    except NumberError as error:
        raise SetupError(f"{SETTINGS[0]}: entry {place} is no phone number ({error.reason})") from None
