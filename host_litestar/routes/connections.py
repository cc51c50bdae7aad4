"""Connections: the accounts that send."""

from litestar import Controller, delete, get, post, put
from litestar.params import FromPath, JSONBody

from host_litestar.openapi import PutConnectionOperation
from host_litestar.problems import problems
from host_litestar.routes.parameters import Actor, BroadcasterDep, whole_list
from wabroadcast_core.models.connection import ConnectionDraft, ConnectionKind, ConnectionTest, ConnectionView
from wabroadcast_core.models.page import Page


class ConnectionController(Controller):
    path = "/connections"
    tags = ("Connections",)

    @get(operation_id="ListConnections", sync_to_thread=True, responses=problems())
    def connections(self, broadcaster: BroadcasterDep) -> Page[ConnectionView]:
        """All connections, without their secrets."""
        return whole_list(broadcaster.connections.list())

    @get("/kinds", operation_id="ListConnectionKinds", sync_to_thread=True, responses=problems())
    def kinds(self, broadcaster: BroadcasterDep) -> Page[ConnectionKind]:
        """The kinds of sender that are installed, each with the JSON schema of its settings."""
        return whole_list(broadcaster.connections.kinds())

    @get("/{name:str}", operation_id="GetConnection", sync_to_thread=True, responses=problems(404))
    def show(self, name: FromPath[str], broadcaster: BroadcasterDep) -> ConnectionView:
        """One connection, without its secrets."""
        return broadcaster.connections.get(name)

    @put(
        "/{name:str}",
        operation_id="SaveConnection",
        operation_class=PutConnectionOperation,
        sync_to_thread=True,
        responses=problems(),
    )
    def save(self, name: FromPath[str], data: JSONBody[ConnectionDraft], broadcaster: BroadcasterDep) -> ConnectionView:
        """Create a connection or change it; the change holds from the next message on."""
        return broadcaster.connections.save(name, data)

    @delete("/{name:str}", operation_id="DeleteConnection", sync_to_thread=True, responses=problems(404, 409))
    def delete(self, name: FromPath[str], broadcaster: BroadcasterDep) -> None:
        """Forget a connection."""
        broadcaster.connections.delete(name)

    @post(
        "/{name:str}/pause",
        status_code=200,
        operation_id="PauseConnection",
        sync_to_thread=True,
        responses=problems(404, 409),
    )
    def pause(self, name: FromPath[str], broadcaster: BroadcasterDep, actor: Actor) -> ConnectionView:
        """Let nothing leave through this connection until it is resumed."""
        return broadcaster.connections.pause(name, actor=actor)

    @post(
        "/{name:str}/resume",
        status_code=200,
        operation_id="ResumeConnection",
        sync_to_thread=True,
        responses=problems(404, 409),
    )
    def resume(self, name: FromPath[str], broadcaster: BroadcasterDep, actor: Actor) -> ConnectionView:
        """Let it send again."""
        return broadcaster.connections.resume(name, actor=actor)

    @post(
        "/{name:str}/test",
        status_code=200,
        operation_id="TestConnection",
        sync_to_thread=True,
        responses=problems(404),
    )
    def test(self, name: FromPath[str], broadcaster: BroadcasterDep) -> ConnectionTest:
        """Ask the provider whether the account can send; nothing is sent."""
        return broadcaster.connections.test(name)
