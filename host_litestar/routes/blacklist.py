"""The blacklist: numbers that must not be messaged."""

from dataclasses import dataclass
from typing import Annotated

from litestar import delete, get, post
from litestar.params import JSONBody, KwargDefinition, MultipartBody, QueryParameter
from msgspec import Meta

from host_litestar.problems import problems
from host_litestar.routes.controller import ApiController
from host_litestar.routes.parameters import (
    Actor,
    BroadcasterDep,
    PageNumber,
    PageSize,
    PersonNumber,
    whole_list,
)
from host_litestar.routes.uploads import ContactFileForm, passing_upload
from host_litestar.threads import CONTROL, FILES
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
    """A file of numbers, with the reason why they are listed."""

    reason: Annotated[
        str,
        Meta(min_length=1, max_length=LONGEST_REASON),
        KwargDefinition(description="Why the numbers are listed: 1 to 500 characters."),
    ] = DEFAULT_REASON
    connection: Annotated[
        str | None, KwargDefinition(description="The only connection on which they are blocked; none: all.")
    ] = None


class BlacklistController(ApiController):
    """Routes under ``/blacklist``."""

    path = "/blacklist"
    tags = ("Blacklist",)

    @get(operation_id="ListBlacklist", sync_to_thread=True, responses=problems())
    def list_numbers(
        self,
        broadcaster: BroadcasterDep,
        search: Annotated[
            str | None,
            QueryParameter(name="q", max_length=200, description="Only entries with this in the number or the reason."),
        ] = None,
        page: PageNumber = 1,
        page_size: PageSize = 50,
    ) -> Page[BlacklistEntry]:
        """List the numbers that must not be messaged, the newest first."""
        return broadcaster.blacklist.list(query=search, page=page, page_size=page_size)

    @post(operation_id="BlockNumber", responses=problems())
    @CONTROL
    def block(self, data: JSONBody[BlacklistDraft], broadcaster: BroadcasterDep, actor: Actor) -> BlacklistEntry:
        """Put a number on the blacklist, for all connections or for one.

        Messages to it that have not left yet are not sent.
        """
        return broadcaster.blacklist.add(data.number, reason=data.reason, connection=data.connection, actor=actor)

    @post("/import", status_code=200, operation_id="ImportBlacklist", responses=problems(404, 413))
    @FILES
    def import_file(
        self, data: MultipartBody[BlacklistForm], broadcaster: BroadcasterDep, actor: Actor
    ) -> BlacklistReport:
        """Put the numbers of a CSV or Excel file on the blacklist."""
        choices = data.choices()
        with passing_upload(broadcaster, data.file) as upload_id:
            return broadcaster.blacklist.add_file(
                upload_id,
                reason=data.reason,
                connection=data.connection or None,
                actor=actor,
                **choices,
            )

    @get("/{number:str}/history", operation_id="GetBlacklistHistory", sync_to_thread=True, responses=problems())
    def history(self, number: PersonNumber, broadcaster: BroadcasterDep) -> Page[BlacklistAct]:
        """Return when a number opted out and in again, and who recorded it, the oldest first."""
        return whole_list(broadcaster.blacklist.history(number))

    @delete("/{number:str}", operation_id="UnblockNumber", sync_to_thread=True, responses=problems(404))
    def unblock(
        self,
        number: PersonNumber,
        broadcaster: BroadcasterDep,
        actor: Actor,
        connection: Annotated[
            str | None, QueryParameter(description="The connection whose entry it is; none: all.")
        ] = None,
    ) -> None:
        """Remove a number from the blacklist, for all connections or for one."""
        broadcaster.blacklist.remove(number, connection=connection, actor=actor)
