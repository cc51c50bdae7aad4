"""Why a text is no phone number, or not with certainty."""

from wabroadcast_core.sentences import Sentence

EMPTY = Sentence("number_empty", "empty")
NO_DIGITS = Sentence("no_number", "contains no phone number")
TOO_SHORT = Sentence("number_too_short", "too short")
TOO_LONG = Sentence("number_too_long", "too long")
NOT_IN_USE = Sentence("number_not_in_use", "not in the numbering plan of its country")
NO_COUNTRY = Sentence("unknown_country_code", "unknown country code")
DAMAGED = Sentence("number_damaged", "damaged by a spreadsheet: digits are missing")
LETTERS = Sentence("letters_in_number", "letters among the digits")
HIDDEN = Sentence("number_hidden", "partly hidden")
IN_PIECES = Sentence("number_in_pieces", "split into parts that are not a complete number")
NO_PERSON = Sentence("no_person_id", "a WhatsApp id that is not a phone number")
DATE = Sentence("number_is_date", "a date")
MONEY = Sentence("number_is_money", "an amount of money")
TWO_COUNTRIES = Sentence(
    "two_countries", "may be a number of either of two countries: write it with + and the country code"
)
