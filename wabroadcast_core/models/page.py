"""Pages of lists, as the API returns them."""

from typing import Generic, TypeVar

from wabroadcast_core.models.base import Model

Item = TypeVar("Item")


class Page(Model, Generic[Item]):
    """One page of a list, by its number from 1."""

    items: list[Item]
    total: int
    page: int
    page_size: int


class CursorPage(Model, Generic[Item]):
    """One page of a long list, with the cursor of the next page. ``next_cursor`` is null on the last page.

    A page that was asked for by its number has that number and the total as well.
    """

    items: list[Item]
    next_cursor: str | None
    total: int | None = None
    page: int | None = None
    page_size: int
