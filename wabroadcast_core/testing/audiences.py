"""Sample audiences: rows, and the same people as a CSV file."""

from collections.abc import Iterator, Sequence
from typing import Final

from wabroadcast_core.models.recipient import AudienceRow

NAMES: Final = ("Budi", "Siti", "Rahma", "Agus", "Dewi")
_AREAS: Final = (867, 204, 226, 236, 249, 250, 289, 306, 343, 365)  # 555 begins no subscriber's number in them
_NOTE: Final = "x" * 200  # so that memory shows whether a row is held


def sample_number(place: int) -> str:
    """Return the number of a person of a sample audience, in E.164: a valid one of Canada that belongs to no person.

    :param place: 0 for the first person; below 100,000.
    """
    return f"+1{_AREAS[place // 10_000]}555{place % 10_000:04}"


def sample_rows(count: int) -> Iterator[AudienceRow]:
    """Yield the people of a sample audience, each with a name and the variables ``code`` and ``note``."""
    for place in range(count):
        variables = {"code": f"A{place}", "note": _NOTE}
        yield AudienceRow(sample_number(place), NAMES[place % len(NAMES)], dict(variables), row=place + 1)


def sample_csv(count: int, *, header: Sequence[str] = ("number", "name", "code", "note")) -> bytes:
    """Return a sample audience as a CSV file in UTF-8.

    :param header: the titles of the four columns.
    """
    rows = (f"{row.number},{row.name},{row.variables['code']},{_NOTE}" for row in sample_rows(count))
    return "".join(f"{line}\r\n" for line in [",".join(header), *rows]).encode()
