"""Amounts with their nouns, as reports and commands write them."""


def count_of(amount: int, one: str, *, several: str | None = None) -> str:
    """Return an amount with its noun: ``1 row``, ``2,500 rows``.

    :param one: the noun in the singular, with the words after it that change too: ``cell holds``.
    :param several: the same in the plural, if it is not ``one`` with an s.
    """
    return f"{amount:,} {one if amount == 1 else several or f'{one}s'}"
