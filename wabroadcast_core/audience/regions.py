"""The region of phone numbers without a country code: two letters, such as ID."""

from typing import Annotated, TypeAlias

import phonenumbers
from pydantic import AfterValidator


def check_region(region: str) -> str:
    """Return a region as two capital letters.

    :raises ValueError: it is not a country.
    """
    country = region.strip().upper()
    if not phonenumbers.country_code_for_region(country):
        raise ValueError(f"unknown country {country!r}: write its two letters, such as ID")
    return country


Region: TypeAlias = Annotated[str, AfterValidator(check_region)]
"""A field of a model that holds a region."""
