"""Skips the numbers of landlines and of special services, which as a rule are not on WhatsApp.

Hooks: wab_validate_numbers. Settings: MOBILE_ONLY_COUNTRIES, for example ID,MY, or ALL; off without it.

The numbering plan of some countries, such as the United States, has one kind of number for both; these are messaged.
"""

import os
from collections.abc import Collection, Sequence

import phonenumbers
from phonenumbers import PhoneNumberType, number_type, region_code_for_number

from wabroadcast_core import Settings, SetupError, hookimpl

SETTINGS = ("MOBILE_ONLY_COUNTRIES",)
ALL = "ALL"
_REFUSED = {
    PhoneNumberType.FIXED_LINE: "a landline",
    PhoneNumberType.TOLL_FREE: "a toll-free number",
    PhoneNumberType.PREMIUM_RATE: "a premium-rate number",
    PhoneNumberType.SHARED_COST: "a shared-cost number",
    PhoneNumberType.UAN: "a company's access number",
    PhoneNumberType.VOICEMAIL: "a voicemail number",
}


class MobileOnly:
    """A validator by the type of a number.

    :param countries: two letters each; ``ALL`` for each country.
    """

    def __init__(self, countries: Collection[str]) -> None:
        self._countries = frozenset(countries)

    @hookimpl
    def wab_validate_numbers(self, numbers: Sequence[str]) -> dict[str, str]:
        reasons = {number: self._reason_against(number) for number in numbers}
        return {number: reason for number, reason in reasons.items() if reason}

    def _reason_against(self, number: str) -> str:
        parsed = phonenumbers.parse(number)
        if ALL not in self._countries and region_code_for_number(parsed) not in self._countries:
            return ""
        return _REFUSED.get(number_type(parsed), "")


def create_plugin(settings: Settings) -> MobileOnly | None:
    """Return the plugin, or None where no countries are set.

    :raises SetupError: a country is not known.
    """
    del settings
    countries = [part.strip().upper() for part in os.environ.get(SETTINGS[0], "").split(",") if part.strip()]
    for country in countries:
        if country != ALL and country not in phonenumbers.SUPPORTED_REGIONS:
            raise SetupError(f"{SETTINGS[0]}: {country!r} is not a country code: use two letters, as in ID,MY, or ALL")
    return MobileOnly(countries) if countries else None
