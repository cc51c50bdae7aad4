"""Lists of another country: phone numbers without a country code that do not fit the region of the installation.

Read with the wrong region, some of them are numbers of strangers and the others are no numbers at all. So none of them
is taken, and a note names the region that fits.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NoReturn

import phonenumbers

from wabroadcast_core.audience.numbers import is_mobile, parse_number
from wabroadcast_core.errors import NumberError
from wabroadcast_core.sentences import Sentence, one_of

_FEWEST = 3  # numbers that show that a list is of another country
_MOST = 20  # numbers that are parsed, because a parse for each region of the world is expensive
_FEWEST_DIGITS = 7
_MOST_NAMED = 3  # regions
_NEARLY_ALL = 0.9
_LIKELY = ("ID", "SG", "MY", "TH", "PH", "VN", "IN", "HK", "JP", "AU", "SA", "AE", "US", "GB", "DE", "FR", "IT", "BR")
"""Of regions that fit equally, these come first."""

_STATES_COUNTRY = re.compile(r"\+|\uff0b|@|wa\.me|whatsapp|^\D*00", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ForeignNumbers:
    """Numbers of a file that do not fit the region they are read with."""

    region: str
    """The region that they do not fit."""
    fitting: tuple[str, ...]
    """The regions that fit, the best first; empty if none does."""
    parsed: int
    """How many numbers without a country code were parsed."""
    fits: int
    """How many of them fit the region nevertheless."""

    @property
    def reason(self) -> Sentence:
        """Why a number without a country code is not taken."""
        text = "the numbers of this file do not fit the region {region}: {way_out}"
        return Sentence("foreign_number", text, region=self.region, way_out=self._way_out())

    def refuse(self, text: str) -> NoReturn:
        """Refuse a number without a country code.

        :raises NumberError: always; with the number's own fault where no region fits the file.
        """
        if not self.fitting:
            parse_number(text, region=self.region)
        raise NumberError(self.reason)

    def note(self) -> Sentence:
        """Return what the user should know about the file."""
        return Sentence(
            "foreign_list",
            "a list of another country: of the first {n} numbers without a country code only {fits} fit the region"
            " {region}, and none of the list was taken without one: {way_out}",
            n=self.parsed,
            fits=self.fits,
            region=self.region,
            way_out=self._way_out(),
        )

    def _way_out(self) -> Sentence:
        if not self.fitting:
            return Sentence("write_plus", "write them with + and the country code")
        text = "give the region {regions}, which fits, or write them with + and the country code"
        return Sentence("give_region", text, regions=one_of(self.fitting))


def find_foreign(texts: Iterable[str], *, region: str) -> ForeignNumbers | None:
    """Return how the numbers of a file do not fit the region; None if they fit, or are too few.

    They do not fit where most of them are no numbers of the region and the others are no mobiles, or where few are
    mobiles of the region and nearly all are mobiles of another one.

    :param texts: the texts of the first numbers, as the file has them.
    :param region: two letters.
    """
    numbers = list(dict.fromkeys(text for text in texts if not states_country(text) and _has_digits(text)))[:_MOST]
    parsed = [number for text in numbers if (number := _parse(text, region))]
    mobiles = sum(map(is_mobile, parsed))
    if len(numbers) < _FEWEST or len(parsed) == len(numbers) or 2 * mobiles >= len(numbers):
        return None
    fitting = _find_regions(numbers, more_than=len(parsed))
    misfit = not mobiles and 2 * len(parsed) < len(numbers)
    return ForeignNumbers(region, fitting, len(numbers), len(parsed)) if fitting or misfit else None


def states_country(text: str) -> bool:
    """Return whether a number says its country, as with a plus, so that no region is needed to read it."""
    return _STATES_COUNTRY.search(text) is not None


def _find_regions(numbers: Sequence[str], *, more_than: int) -> tuple[str, ...]:
    """Return the regions in which nearly all of the numbers are mobiles; at most three that fit equally well.

    A region that distinguishes mobiles from landlines fits better than one that does not.

    :param more_than: numbers that fit the present region.
    """
    mobiles: Counter[str] = Counter()
    certain: Counter[str] = Counter()
    for region in _main_regions():
        parsed = [number for text in numbers if (number := _parse(text, region)) and is_mobile(number)]
        mobiles[region] = len(parsed)
        certain[region] = sum(map(_is_certain, parsed))
    best = max((mobiles[region], certain[region]) for region in mobiles)
    if best[0] <= more_than or best[0] < _NEARLY_ALL * len(numbers):
        return ()
    equal = (region for region in mobiles if (mobiles[region], certain[region]) == best)
    return tuple(sorted(equal, key=_unlikeliness)[:_MOST_NAMED])


def _unlikeliness(region: str) -> tuple[int, str]:
    return (_LIKELY.index(region) if region in _LIKELY else len(_LIKELY)), region


def _is_certain(number: str) -> bool:
    return phonenumbers.number_type(phonenumbers.parse(number)) == phonenumbers.PhoneNumberType.MOBILE


def _main_regions() -> list[str]:
    """Return one region for each country code: those that share a code share its numbering plan."""
    return [regions[0] for regions in phonenumbers.COUNTRY_CODE_TO_REGION_CODE.values() if regions[0].isalpha()]


def _has_digits(text: str) -> bool:
    return sum(map(str.isdecimal, text)) >= _FEWEST_DIGITS


def _parse(text: str, region: str) -> str | None:
    try:
        return parse_number(text, region=region)
    except NumberError:
        return None
