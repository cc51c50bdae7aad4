"""The blacklist: who must not be messaged."""

from litestar import Controller, delete, get, post
from litestar.params import FromPath, FromQuery, JSONBody

from host_litestar.problems import problems
from host_litestar.routes.parameters import Actor, Engine, PageNumber, PageSize, SearchText
from wabroadcast_core.models.blacklist import BlacklistDraft, BlacklistEntry
from wabroadcast_core.models.page import Page


class BlacklistController(Controller):
    path = "/blacklist"
    tags = ("Blacklist",)

    @get(operation_id="ListBlacklist", sync_to_thread=True, responses=problems())
    def blacklist(
        self, broadcaster: Engine, search: SearchText = None, page: PageNumber = 1, page_size: PageSize = 50
    ) -> Page[BlacklistEntry]:
        """Numbers that must not be messaged, the latest first."""
        return broadcaster.blacklist(query=search, page=page, page_size=page_size)

    @post(operation_id="BlockNumber", sync_to_thread=True, responses=problems())
    def block(self, data: JSONBody[BlacklistDraft], broadcaster: Engine, actor: Actor) -> BlacklistEntry:
        """Never message a number again, on all connections or on one; what is under way stops too."""
        return broadcaster.block(data.number, reason=data.reason, connection=data.connection, actor=actor)

    @delete("/{number:str}", operation_id="UnblockNumber", sync_to_thread=True, responses=problems(404))
    def unblock(
        self, number: FromPath[str], broadcaster: Engine, actor: Actor, connection: FromQuery[str | None] = None
    ) -> None:
        """Allow a number again."""
        broadcaster.unblock(number, connection=connection, actor=actor)
