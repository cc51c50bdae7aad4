"""The base of the controllers: what Litestar leaves out of each path, and what all calls with a JSON body answer."""

from litestar import Controller
from litestar.handlers import HTTPRouteHandler
from litestar.handlers.base import BaseRouteHandler

from host_litestar.methods import head_of, options_of
from host_litestar.problems import problems
from host_litestar.request_reading import takes_json
from host_litestar.scopes import SCOPE, scope_of

OPERATION_PREFIX = "operation_prefix"  # in the ``opt`` of the router: put before each operation id


class ApiController(Controller):
    """Controller whose GET routes also answer HEAD, and whose answer to OPTIONS names all methods of a path."""

    def get_route_handlers(self) -> list[BaseRouteHandler]:
        """Return the handlers of the routes that the class declares, with those that are added here."""
        handlers = [_complete(handler, self._prefix()) for handler in super().get_route_handlers()]
        heads = [head_of(handler) for handler in handlers if "GET" in handler.http_methods]
        options = options_of([*handlers, *heads])
        for handler in (*heads, *options):
            handler.owner = self
        return [*options, *handlers, *heads]  # with the first handler of a path, Litestar would add its own OPTIONS

    def _prefix(self) -> str:
        return str((self.owner.opt or {}).get(OPERATION_PREFIX, ""))


def _complete(handler: BaseRouteHandler, prefix: str) -> HTTPRouteHandler:
    assert isinstance(handler, HTTPRouteHandler)  # noqa: S101 - the controllers have no others
    if isinstance(handler.operation_id, str):
        if (scope := scope_of(handler.operation_id)) is not None:
            handler.opt = {**handler.opt, SCOPE: scope}
        handler.operation_id = prefix + handler.operation_id
    if takes_json(handler):
        handler.responses = {**(handler.responses or {}), **problems(413, 415)}
    return handler
