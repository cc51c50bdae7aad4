"""The base of the rooms, and the decorators of their handlers: pages that are shown, and acts that forms send."""

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, Final

from litestar import get, post
from litestar.handlers import HTTPRouteHandler

from host_litestar.auth import KEEPS_FORM, KEYLESS, raise_refusal
from host_litestar.dashboard.forms import FILES
from host_litestar.request_reading import TAKES_FORM
from host_litestar.routes.controller import ApiController
from host_litestar.scopes import SCOPE
from host_litestar.threads import CONTROL, PAGES, ThreadGroup
from wabroadcast_core.models.api_key import Scope
from wabroadcast_core.store.database import waiting_at_most

Decorator = Callable[[Callable[..., Any]], HTTPRouteHandler]
LOCK_SECONDS: Final = 4.0  # that an act waits while another process writes to the store
PUBLIC_PAGE: Final = KEYLESS  # the ``opt`` of the pages before the sign-in


class PageController(ApiController):
    """The handlers of one room."""


def page(path: str, *, scope: Scope = Scope.READ, threads: ThreadGroup = PAGES) -> Decorator:
    """Decorate a synchronous handler that shows a page.

    :param scope: what a person needs to see it.
    :param threads: in which it runs.
    """

    def decorate(call: Callable[..., Any]) -> HTTPRouteHandler:
        return get(path, opt={SCOPE: scope}, include_in_schema=False)(threads(call))

    return decorate


def act(
    path: str, *, scope: Scope = Scope.OPERATE, threads: ThreadGroup = CONTROL, files: Sequence[str] = ()
) -> Decorator:
    """Decorate a synchronous handler of a form. It redirects if all is well, else it shows the form again.

    :param scope: what a person needs for it.
    :param threads: in which it runs: control calls have threads of their own, which slow work must not take.
    :param files: the fields that are files.
    """

    def decorate(call: Callable[..., Any]) -> HTTPRouteHandler:
        opt = {SCOPE: scope, FILES: tuple(files), KEEPS_FORM: True, **TAKES_FORM}
        return post(path, opt=opt, status_code=200, include_in_schema=False)(threads(_allowed(call)))

    return decorate


def _allowed(call: Callable[..., Any]) -> Callable[..., Any]:
    """Return a handler that runs only for a request that was not refused, which reading its form has checked before.

    A person waits for it: while another process writes to the store, it gives up soon.
    """

    @wraps(call)
    def handler(*args: Any, **kwargs: Any) -> Any:
        raise_refusal(kwargs["view"].request)
        with waiting_at_most(LOCK_SECONDS):
            return call(*args, **kwargs)

    return handler
