"""The sentences of the built-in blacklists and validators in English, by their codes."""

from functools import partial
from typing import Final

from wabroadcast_core import make_sentence

CHECKS: Final = {
    "country_unknown": "its country cannot be determined",
    "country_none": "an international number that belongs to no country is not allowed",
    "country_refused": "country {country} is not allowed",
    "number_listed": "listed in {file}",
    "number_not_listed": "this test system messages the numbers of {setting} only",
}

say: Final = partial(make_sentence, CHECKS)
"""Return why a number is not messaged, by the code of the sentence."""
