"""The blacklist: who must not be messaged."""

from dataclasses import dataclass
from typing import Annotated

from litestar import Controller, delete, get, post
from litestar.params import FromPath, FromQuery, JSONBody, MultipartBody
from msgspec import Meta

from host_litestar.problems import problems
from host_litestar.routes.parameters import Actor, BroadcasterDep, PageNumber, PageSize, SearchText, whole_list
from host_litestar.routes.uploads import ContactFileForm, read_pieces
from wabroadcast_core.models.blacklist import (
    DEFAULT_REASON,
    LONGEST_REASON,
    BlacklistAct,
    BlacklistDraft,
    BlacklistEntry,
    BlacklistReport,
)
from wabroadcast_core.models.page import Page


@dataclass
class BlacklistForm(ContactFileForm):
    """A file of numbers. ``connection``: every one if not given."""

    reason: Annotated[str, Meta(min_length=1, max_length=LONGEST_REASON)] = DEFAULT_REASON
    connection: str | None = None


class BlacklistController(Controller):
    path = "/blacklist"
    tags = ("Blacklist",)

    @get(operation_id="ListBlacklist", sync_to_thread=True, responses=problems())
    def blacklist(
        self, broadcaster: BroadcasterDep, search: SearchText = None, page: PageNumber = 1, page_size: PageSize = 50
    ) -> Page[BlacklistEntry]:
        """Numbers that must not be messaged, the latest first."""
        return broadcaster.blacklist.list(query=search, page=page, page_size=page_size)

    @post(operation_id="BlockNumber", sync_to_thread=True, responses=problems())
    def block(self, data: JSONBody[BlacklistDraft], broadcaster: BroadcasterDep, actor: Actor) -> BlacklistEntry:
        """Never message a number again, on all connections or on one; what is under way stops too."""
        return broadcaster.blacklist.add(data.number, reason=data.reason, connection=data.connection, actor=actor)

    @post("/import", status_code=200, operation_id="ImportBlacklist", sync_to_thread=True, responses=problems(404, 413))
    def import_file(
        self, data: MultipartBody[BlacklistForm], broadcaster: BroadcasterDep, actor: Actor
    ) -> BlacklistReport:
        """Never message the numbers of a CSV or Excel file again."""
        choices = data.choices()
        upload = broadcaster.uploads.save(
            read_pieces(data.file), filename=data.file.filename, content_type=data.file.content_type
        )
        return broadcaster.blacklist.add_file(
            upload.upload_id,
            reason=data.reason,
            connection=data.connection or None,
            actor=actor,
            **choices,
        )

    @get("/{number:str}/history", operation_id="GetBlacklistHistory", sync_to_thread=True, responses=problems())
    def history(self, number: FromPath[str], broadcaster: BroadcasterDep) -> Page[BlacklistAct]:
        """When a number opted out and in again, and who said so; the oldest first."""
        return whole_list(broadcaster.blacklist.history(number))

    @delete("/{number:str}", operation_id="UnblockNumber", sync_to_thread=True, responses=problems(404))
    def unblock(
        self, number: FromPath[str], broadcaster: BroadcasterDep, actor: Actor, connection: FromQuery[str | None] = None
    ) -> None:
        """Allow a number again."""
        broadcaster.blacklist.remove(number, connection=connection, actor=actor)
