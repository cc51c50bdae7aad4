"""Lists as the API shows them."""

from typing import Generic, TypeVar

from wabroadcast_core.models.base import Model

Item = TypeVar("Item")


class Page(Model, Generic[Item]):
    items: list[Item]
    total: int
    page: int
    page_size: int


class CursorPage(Model, Generic[Item]):
    items: list[Item]
    next_cursor: str | None
