"""Pages of lists, as the API returns them."""

from typing import Generic, TypeVar

from pydantic import Field

from wabroadcast_core.models.base import Model

Item = TypeVar("Item")


class Page(Model, Generic[Item]):
    """One page of a list, by its number from 1."""

    items: list[Item] = Field(description="The entries of the page.")
    total: int = Field(description="Entries of the whole list.")
    page: int = Field(description="The number of the page; the first is 1.")
    page_size: int = Field(description="Most entries of a page.")


class CursorPage(Model, Generic[Item]):
    """One page of a long list, with the cursor of the next page. ``next_cursor`` is null on the last page.

    A page that was asked for by its number has that number and the total as well.
    """

    items: list[Item] = Field(description="The entries of the page.")
    next_cursor: str | None = Field(description="The `cursor` of the next page; null: this is the last page.")
    total: int | None = Field(
        default=None, description="Entries of the whole list; null: the page was asked for by cursor."
    )
    page: int | None = Field(
        default=None, description="The number of the page; null: the page was asked for by cursor."
    )
    page_size: int = Field(description="Most entries of a page.")
