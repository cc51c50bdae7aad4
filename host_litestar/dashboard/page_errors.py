"""Errors as pages: what happened, why, what to do, and the code that the API has for it."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

from litestar import Request, Response
from litestar.exceptions import NotAuthorizedException

from host_litestar.dashboard.forms import EMPTY
from host_litestar.dashboard.page_headers import PAGE_HEADERS
from host_litestar.dashboard.view import AnyRequest, View
from host_litestar.problems import explain
from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.errors import UncheckedError
from wabroadcast_core.problems import RETRY_AFTER_SECONDS, Problem

log = logging.getLogger(__name__)

SIGN_IN: Final = "/ui/sign-in"
_KNOWN: Final = frozenset({403, 404, 405, 409, 413, 429, 503})


class PageErrors:
    """Creates the page of an error that a handler or the framework raised.

    :param mount: the path of the routes inside the application.
    """

    def __init__(self, broadcaster: Broadcaster, *, mount: str) -> None:
        self._broadcaster = broadcaster
        self._mount = mount

    def __call__(self, request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
        """Create the response. Who has not signed in, or not any more, is led to the sign-in."""
        view = View(request, self._broadcaster, mount=self._mount)
        if isinstance(error, NotAuthorizedException):
            return _sign_in(view)
        problem = explain(request, error)
        if problem.status == HTTPStatus.INTERNAL_SERVER_ERROR:
            log.error("%s %s failed", request.method, request.scope.get("path_template", ""), exc_info=error)
        is_away = problem.status == HTTPStatus.SERVICE_UNAVAILABLE
        kept = KeptForm.of(view) if is_away and request.method == "POST" else None
        page = view.page("error.html", status=problem.status, problem=problem, kind=_kind_of(problem, error), kept=kept)
        page.headers.update({**PAGE_HEADERS, **(getattr(error, "headers", None) or {})})
        if is_away:
            page.headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
        return page

    def __deepcopy__(self, _: dict[int, Any]) -> "PageErrors":
        """Return the handler itself: Litestar copies handlers, and a broadcaster cannot be copied."""
        return self


@dataclass(frozen=True, slots=True)
class KeptForm:
    """A form that was sent in vain, to send it again as it was. Only its files must be chosen again.

    :param kind: how it is encoded.
    :param is_known: whether it was read: without the store, it is not known whose it is.
    """

    address: str
    kind: str
    fields: Sequence[tuple[str, str]]
    has_file: bool
    is_known: bool

    @classmethod
    def of(cls, view: View) -> "KeptForm":
        """Return the form of a request."""
        request = view.request
        form = view.form
        kind, is_known = request.content_type[0], form is not EMPTY
        return cls(request.url.path, kind, list(form.kept()), has_file=form.has_file(), is_known=is_known)


def _sign_in(view: View) -> Response[Any]:
    """Lead to the sign-in: from a page by a redirect, from a form with the form kept, so that nothing is lost."""
    request: AnyRequest = view.request
    if request.method in {"GET", "HEAD"}:
        query = request.scope["query_string"].decode("latin-1")
        address = f"{request.url.path}?{query}" if query else request.url.path
        return view.redirect(view.link(SIGN_IN, next=None if address == view.link("/") else address))
    return view.page(
        "sign_in.html", status=HTTPStatus.UNAUTHORIZED, expired=True, next=request.url.path, kept=list(view.form.kept())
    )


def _kind_of(problem: Problem, error: Exception) -> str:
    """Return the part of the keys of the texts that say what happened."""
    if isinstance(error, UncheckedError):
        return "plugin"
    if problem.code == "csrf":
        return "csrf"
    return str(problem.status) if problem.status in _KNOWN else ("500" if problem.status >= 500 else "400")  # noqa: PLR2004 - HTTP
