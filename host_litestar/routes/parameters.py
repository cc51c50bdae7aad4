"""Parameters that several routes share."""

from collections.abc import Sequence
from typing import Annotated, TypeAlias, TypeVar

from litestar.di import NamedDependency
from litestar.params import PathParameter, QueryParameter

from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.models.page import Page

Item = TypeVar("Item")

Engine: TypeAlias = NamedDependency[Broadcaster]
Actor: TypeAlias = NamedDependency[str]

PageNumber: TypeAlias = Annotated[int, QueryParameter(name="page", ge=1, le=1_000_000_000)]
PageSize: TypeAlias = Annotated[int, QueryParameter(name="pageSize", ge=1, le=500)]
SearchText: TypeAlias = Annotated[str | None, QueryParameter(name="q", max_length=200)]
Batch: TypeAlias = Annotated[
    int | None, QueryParameter(name="batch", ge=0, le=2**31 - 1, description="One batch only.")
]

JobId: TypeAlias = Annotated[str, PathParameter(name="jobId")]
MessageId: TypeAlias = Annotated[str, PathParameter(name="messageId")]
ImportId: TypeAlias = Annotated[str, PathParameter(name="importId")]


def whole_list(items: Sequence[Item]) -> Page[Item]:
    """A list so short that it is one page."""
    return Page(items=list(items), total=len(items), page=1, page_size=max(1, len(items)))
