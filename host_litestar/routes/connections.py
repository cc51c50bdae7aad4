"""Connections: the WhatsApp accounts that send."""

from litestar import delete, get, post, put
from litestar.params import JSONBody

from host_litestar.openapi import PutConnectionOperation
from host_litestar.problems import problems
from host_litestar.routes.control import control_route
from host_litestar.routes.controller import ApiController
from host_litestar.routes.parameters import Actor, BroadcasterDep, ConnectionName, whole_list
from host_litestar.threads import TESTS
from wabroadcast_core.models.connection import ConnectionDraft, ConnectionKind, ConnectionTest, ConnectionView
from wabroadcast_core.models.page import Page


class ConnectionController(ApiController):
    """Routes under ``/connections``."""

    path = "/connections"
    tags = ("Connections",)

    @get(operation_id="ListConnections", sync_to_thread=True, responses=problems())
    def list_connections(self, broadcaster: BroadcasterDep) -> Page[ConnectionView]:
        """List all connections, without their secrets."""
        return whole_list(broadcaster.connections.list())

    @get("/kinds", operation_id="ListConnectionKinds", sync_to_thread=True, responses=problems())
    def list_kinds(self, broadcaster: BroadcasterDep) -> Page[ConnectionKind]:
        """List the installed kinds of sender, each with the JSON schema of its settings."""
        return whole_list(broadcaster.connections.kinds())

    @get("/{name:str}", operation_id="GetConnection", sync_to_thread=True, responses=problems(404))
    def show(self, name: ConnectionName, broadcaster: BroadcasterDep) -> ConnectionView:
        """Return a connection, without its secrets."""
        return broadcaster.connections.get(name)

    @put(
        "/{name:str}",
        operation_id="SaveConnection",
        operation_class=PutConnectionOperation,
        sync_to_thread=True,
        responses=problems(),
    )
    def save(
        self, name: ConnectionName, data: JSONBody[ConnectionDraft], broadcaster: BroadcasterDep, actor: Actor
    ) -> ConnectionView:
        """Create or change a connection. A change applies from the next messages on."""
        return broadcaster.connections.save(name, data, actor=actor)

    @delete("/{name:str}", operation_id="DeleteConnection", sync_to_thread=True, responses=problems(404, 409))
    def delete(self, name: ConnectionName, broadcaster: BroadcasterDep, actor: Actor) -> None:
        """Delete a connection that no unfinished broadcast uses. The history of ended ones is kept."""
        broadcaster.connections.delete(name, actor=actor)

    @control_route("/{name:str}/pause", operation_id="PauseConnection")
    def pause(self, name: ConnectionName, broadcaster: BroadcasterDep, actor: Actor) -> ConnectionView:
        """Pause a connection: no message starts through it until it is resumed."""
        return broadcaster.connections.pause(name, actor=actor)

    @control_route("/{name:str}/resume", operation_id="ResumeConnection")
    def resume(self, name: ConnectionName, broadcaster: BroadcasterDep, actor: Actor) -> ConnectionView:
        """Resume a paused connection, so that it sends again."""
        return broadcaster.connections.resume(name, actor=actor)

    @control_route("/{name:str}/default", operation_id="SetDefaultConnection")
    def set_default(self, name: ConnectionName, broadcaster: BroadcasterDep, actor: Actor) -> ConnectionView:
        """Make a connection the default: broadcasts that name no connection use it."""
        return broadcaster.connections.set_default(name, actor=actor)

    @post(
        "/{name:str}/test",
        status_code=200,
        operation_id="TestConnection",
        responses=problems(404),
    )
    @TESTS
    def test(self, name: ConnectionName, broadcaster: BroadcasterDep) -> ConnectionTest:
        """Check with the provider whether the account can send. No message is sent."""
        return broadcaster.connections.test(name)
