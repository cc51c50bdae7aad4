"""HEAD for the routes of GET, which Litestar does not add, and OPTIONS that names all methods of a path."""

from collections.abc import Iterable
from copy import copy

from litestar import Response
from litestar.handlers import HTTPRouteHandler

from host_litestar.scopes import READS


def options_of(handlers: Iterable[HTTPRouteHandler]) -> list[HTTPRouteHandler]:
    """Create the handlers of OPTIONS for the paths of these handlers. Register them before the others."""
    methods: dict[str, set[str]] = {}
    for handler in handlers:
        for path in handler.paths:
            methods.setdefault(path, {"OPTIONS"}).update(handler.http_methods)
    return [_options_handler(path, ", ".join(sorted(allowed))) for path, allowed in methods.items()]


def _options_handler(path: str, allow: str) -> HTTPRouteHandler:
    @HTTPRouteHandler(
        path, http_method="OPTIONS", status_code=204, include_in_schema=False, sync_to_thread=False, opt=READS
    )
    def options() -> Response[None]:
        return Response(None, status_code=204, headers={"Allow": allow})

    return options


def head_of(handler: HTTPRouteHandler) -> HTTPRouteHandler:
    """Create the handler of HEAD for the path of a GET handler. The server leaves out the body of its response."""
    head = copy(handler)
    head.http_methods = {"HEAD"}
    head.include_in_schema = False
    head.name = None
    return head
