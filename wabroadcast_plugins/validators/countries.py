"""Only numbers of an operator's list of countries are messaged; the others are skipped with the reason.

Hooks: wab_validate_numbers. Settings: WABROADCAST_ALLOWED_COUNTRIES; off without it.

The country follows from the number's calling code. Where several countries share one (+1, +7, +44 …) and only some of
them are allowed, the number itself decides; a number whose country stays uncertain is skipped.
"""

from collections.abc import Iterable, Sequence
from typing import Final

import phonenumbers
from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, NumberParseException

from wabroadcast_core import Settings, hookimpl
from wabroadcast_plugins.sentences import say
from wabroadcast_plugins.settings import read_plugin_settings

SETTINGS: Final = ("WABROADCAST_ALLOWED_COUNTRIES",)
LONGEST_CODE: Final = 3  # digits
NO_COUNTRY: Final = "001"  # the library's word for codes such as +800, which belong to the whole world


class AllowedCountries:
    """A validator by country.

    :param countries: two letters each, as in ISO 3166.
    """

    def __init__(self, countries: Iterable[str]) -> None:
        self._allowed = frozenset(countries)

    @hookimpl
    def wab_validate_numbers(self, numbers: Sequence[str]) -> dict[str, str]:
        reasons = {number: self._reason_against(number) for number in numbers}
        return {number: reason for number, reason in reasons.items() if reason is not None}

    def _reason_against(self, number: str) -> str | None:
        sharing = _countries_of_code(number)
        if sharing <= self._allowed and sharing:
            return None
        country = next(iter(sharing)) if len(sharing) == 1 else _find_country(number)
        if country is None:
            return say("country_unknown")
        if country == NO_COUNTRY:
            return say("country_none")
        return None if country in self._allowed else say("country_refused", country=country)


def create_plugin(settings: Settings) -> AllowedCountries | None:  # noqa: ARG001 - every plugin is created like this
    """Return the plugin, or None where no countries are set.

    :raises SetupError: a setting of the built-in plugins does not fit.
    """
    countries = read_plugin_settings().allowed_countries
    return None if countries is None else AllowedCountries(countries)


def _countries_of_code(number: str) -> frozenset[str]:
    """Return the countries that share the calling code of a number in E.164. No code begins with another one."""
    for length in range(1, LONGEST_CODE + 1):
        countries = COUNTRY_CODE_TO_REGION_CODE.get(int(number[1 : length + 1]))
        if countries is not None:
            return frozenset(countries)
    return frozenset()


def _find_country(number: str) -> str | None:
    try:
        return phonenumbers.region_code_for_number(phonenumbers.parse(number))
    except NumberParseException:
        return None
