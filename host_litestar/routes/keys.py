"""API keys: make, list and revoke them."""

from typing import Annotated, TypeAlias

from litestar import delete, get, post
from litestar.params import JSONBody, PathParameter, QueryParameter

from host_litestar.problems import problems
from host_litestar.routes.controller import ApiController
from host_litestar.routes.parameters import Actor, BroadcasterDep, whole_list
from host_litestar.threads import CONTROL
from wabroadcast_core.models.api_key import ApiKeyDraft, ApiKeyView, NewApiKey
from wabroadcast_core.models.page import Page

KeyName: TypeAlias = Annotated[str, PathParameter(name="name", description="The name of the key.")]


class KeyController(ApiController):
    """Routes under ``/keys``."""

    path = "/keys"
    tags = ("Keys",)

    @get(operation_id="ListKeys", sync_to_thread=True, responses=problems())
    def list_keys(
        self,
        broadcaster: BroadcasterDep,
        revoked: Annotated[bool, QueryParameter(description="List the revoked keys too.")] = False,  # noqa: FBT002 - a query parameter
    ) -> Page[ApiKeyView]:
        """List the API keys by name, without the keys themselves."""
        return whole_list(broadcaster.api_keys.list(revoked=revoked))

    @post(operation_id="CreateKey", sync_to_thread=True, responses=problems(409))
    def create(self, data: JSONBody[ApiKeyDraft], broadcaster: BroadcasterDep, actor: Actor) -> NewApiKey:
        """Create an API key. Only this response has the key. From the first key on, every call needs one."""
        return broadcaster.api_keys.create(data, actor=actor)

    @delete("/{name:str}", operation_id="RevokeKey", responses=problems(404))
    @CONTROL
    def revoke(self, name: KeyName, broadcaster: BroadcasterDep, actor: Actor) -> None:
        """Revoke an API key. Within two seconds no process accepts it. Its name becomes free."""
        broadcaster.api_keys.revoke(name, actor=actor)
