"""The region of phone numbers without a country code: two letters, such as ID."""

from typing import Annotated, TypeAlias

import phonenumbers
from pydantic import AfterValidator

from wabroadcast_core.sentences import Sentence


def check_region(region: str) -> str:
    """Return a region as two capital letters.

    :raises ValueError: it is not a country.
    """
    country = region.strip().upper()
    if not phonenumbers.country_code_for_region(country):
        text = "unknown country {country!r}: write its two letters, such as ID"
        raise ValueError(Sentence("no_region", text, country=country))
    return country


Region: TypeAlias = Annotated[str, AfterValidator(check_region)]
"""A field of a model that holds a region."""
