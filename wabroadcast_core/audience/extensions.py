"""Extensions that are glued to phone numbers, such as ``650-253-0000x752``: WhatsApp has no use for them."""

import re
from collections.abc import Callable
from functools import partial

from wabroadcast_core.errors import NumberError

_EXTENSION = re.compile(
    r"(?P<number>\+?[\d(][\d ().-]*\d)(?P<mark>x|extn?\.?|extension|ekst?\.?|ekstensi) ?(?P<digits>\d{1,6})"
    r"(?=\s*(?:$|[/,;|]))",
    re.ASCII | re.IGNORECASE,
)


def drop_extensions(text: str, *, parse: Callable[[str], object]) -> str:
    """Return a text without the extensions that are glued to its numbers.

    An ``x`` that may hide a digit inside a number is no extension: it stays.

    :param parse: parses a whole phone number; raises :class:`NumberError` for any other text.
    """
    return _EXTENSION.sub(partial(_drop_extension, parse=parse), text)


def _drop_extension(match: re.Match[str], *, parse: Callable[[str], object]) -> str:
    number, mark, digits = match["number"], match["mark"], match["digits"]
    if not _is_complete(number, parse):
        return match[0]
    may_hide = len(mark) == 1 and any(
        _is_complete(f"{number}{hidden}{digits}", parse) for hidden in ("", *"0123456789")
    )
    return match[0] if may_hide else number


def _is_complete(text: str, parse: Callable[[str], object]) -> bool:
    try:
        parse(text)
    except NumberError:
        return False
    return True
