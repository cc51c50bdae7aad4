"""The countries that the cells of a table name: by two or three letters, or by a name in a common language."""

from collections.abc import Iterator
from functools import lru_cache
from typing import Final

import phonenumbers
from babel.core import Locale, get_global

_LANGUAGES: Final = ("en", "id", "ms", "de", "fr", "es", "pt", "it", "nl")
_OTHER_NAMES: Final = {  # that the Unicode names do not have
    "america": "US",
    "amerika": "US",
    "united states of america": "US",
    "inggris": "GB",
    "england": "GB",
    "scotland": "GB",
    "wales": "GB",
    "great britain": "GB",
    "holland": "NL",
    "uae": "AE",
    "korea": "KR",
    "republic of korea": "KR",
    "hong kong": "HK",
    "hongkong": "HK",
    "macau": "MO",
    "taiwan": "TW",
    "turkey": "TR",
    "viet nam": "VN",
    "czech republic": "CZ",
    "ivory coast": "CI",
    "russian federation": "RU",
}


@lru_cache(maxsize=512)
def find_country(text: str) -> str | None:
    """Return the two letters of the country that a text names; None if it names none."""
    name = _plain(text)
    letters = "".join(filter(str.isalpha, text)).upper()
    found = letters if letters in phonenumbers.SUPPORTED_REGIONS else _country_names().get(name)
    if found is None and " " not in name:
        aliases = get_global("territory_aliases").get(letters, ())  # of UK, and of the codes of three letters
        found = aliases[0] if len(aliases) == 1 else None
    return found if found in phonenumbers.SUPPORTED_REGIONS else None


@lru_cache(maxsize=1)
def _country_names() -> dict[str, str]:
    names = {
        _plain(name): country
        for language in _LANGUAGES
        for country, full in Locale(language).territories.items()
        for name in _forms(full)
    }
    return names | _OTHER_NAMES


def _forms(name: str) -> Iterator[str]:
    """Yield a name, and its parts if it has one in brackets, such as Myanmar (Burma)."""
    yield name
    if name.endswith(")"):
        yield from name[:-1].split("(")


def _plain(name: str) -> str:
    letters = "".join(character if character.isalpha() else " " for character in name.replace("&", " and "))
    return " ".join(letters.casefold().split())
