"""Addresses and methods below ``/ui`` that no route has: they are answered with a page too.

Litestar refuses them before it knows a route, so only the handlers of errors of the whole application see them.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final, cast

from litestar import Request, Response
from litestar.exceptions import HTTPException, MethodNotAllowedException, NotFoundException
from litestar.exceptions.responses import create_exception_response
from litestar.types import ExceptionHandlersMap
from litestar.utils import normalize_path
from litestar.utils.scope.state import ScopeState

from host_litestar.dashboard.page_errors import PageErrors

ErrorHandler = Callable[[Request[Any, Any, Any], Any], Response[Any]]
UNROUTED: Final = (NotFoundException, MethodNotAllowedException)


def show_unrouted(handlers: ExceptionHandlersMap, pages: PageErrors, *, mount: str) -> ExceptionHandlersMap:
    """Return the handlers of errors of an application, which show pages for what has no route below ``/ui``.

    :param handlers: those that the application has; all other errors are theirs as before.
    :param mount: the path of the routes inside the application.
    """
    shown = _Unrouted(handlers, pages, mount=mount)
    statuses = [kind.status_code for kind in UNROUTED if kind.status_code in handlers]  # they have precedence
    return {**handlers, **dict.fromkeys([*UNROUTED, *statuses], shown)}


class _Unrouted:
    """The handler of these errors for one mount. Around it may be those of other mounts."""

    def __init__(self, handlers: ExceptionHandlersMap, pages: PageErrors, *, mount: str) -> None:
        self._handlers = handlers
        self._pages = pages
        self._home = f"{normalize_path(mount).rstrip('/')}/ui"

    def __call__(self, request: Request[Any, Any, Any], error: HTTPException) -> Response[Any]:
        """Create the response: a page, or that of the handler that would have been called without this one."""
        if not request.scope.get("path_template") and self._is_page(request):
            return self._pages(request, error)
        present = cast("dict[Any, ErrorHandler]", ScopeState.from_scope(request.scope).exception_handlers)
        others = {key: present[key] for key in present if not isinstance(present[key], _Unrouted)}
        handler = _handler_of({**self._handlers, **others}, error)
        return create_exception_response(request, error) if handler is None else handler(request, error)

    def __deepcopy__(self, _: dict[int, Any]) -> "_Unrouted":
        """Return the handler itself: Litestar copies handlers, and a broadcaster cannot be copied."""
        return self

    def _is_page(self, request: Request[Any, Any, Any]) -> bool:
        path = normalize_path(request.scope["path"].removeprefix(request.scope.get("root_path", "")))
        return path == self._home or path.startswith(f"{self._home}/")


def _handler_of(handlers: Mapping[Any, ErrorHandler], error: HTTPException) -> ErrorHandler | None:
    """Return the handler that Litestar would call: that of the status, else that of the nearest class."""
    keys = (error.status_code, *type(error).__mro__)
    return next((handlers[key] for key in keys if key in handlers), None)
