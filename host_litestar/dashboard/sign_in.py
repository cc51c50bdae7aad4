"""The sign-in with an API key, and the choices of language, zone and theme, which need none."""

from http import HTTPStatus
from typing import Any

from litestar import get, post
from litestar.exceptions import NotAuthorizedException, TooManyRequestsException

from host_litestar.dashboard.controller import LOCK_SECONDS, PUBLIC_PAGE, PageController
from host_litestar.dashboard.forms import FormData
from host_litestar.dashboard.view import Page, View, ViewDep
from host_litestar.request_reading import TAKES_FORM
from host_litestar.routes.sessions import CallersDep, SignInLimit, check_sign_in
from host_litestar.session_cookies import check_origin, session_cookie
from host_litestar.threads import CONTROL
from wabroadcast_core.errors import UnavailableError
from wabroadcast_core.services.api_keys import digest_key
from wabroadcast_core.services.sessions import csrf_token
from wabroadcast_core.store.database import waiting_at_most

LONGEST_KEY = 512
KEPT = "kept."  # before the names of the fields of a form that waits for the sign-in


class SignInPages(PageController):
    """Routes ``/ui/sign-in`` and ``/ui/choices``."""

    path = "/ui"

    @get("/sign-in", opt=PUBLIC_PAGE, include_in_schema=False)
    async def show(self, view: ViewDep, callers: CallersDep) -> Page:
        """Show the form; a server without keys leads on, because it has no sign-in."""
        if not await callers.has_keys():
            return view.redirect(view.link("/"))
        return _form(view, next_page=view.query("next"))

    @post("/sign-in", opt={**PUBLIC_PAGE, **TAKES_FORM}, status_code=200, include_in_schema=False)
    async def sign_in(self, view: ViewDep, callers: CallersDep, sign_in_limit: SignInLimit) -> Page:
        """Sign in. A form that an expired session has sent is offered again."""
        check_origin(view.request)
        digest = digest_key(view.form.text("key")[:LONGEST_KEY])
        try:
            caller = await check_sign_in(view.request, callers, sign_in_limit, digest)
        except NotAuthorizedException:
            return _form(view, status=HTTPStatus.UNAUTHORIZED, wrong=True)
        except TooManyRequestsException as error:
            wait = int((error.headers or {})["Retry-After"])
            page = _form(view, status=HTTPStatus.TOO_MANY_REQUESTS, wait=wait)
            page.headers["Retry-After"] = str(wait)
            return page
        try:
            with waiting_at_most(LOCK_SECONDS):
                session = await CONTROL.run(view.broadcaster.sessions.begin, digest, actor=caller.actor)
        except UnavailableError:
            return _form(view, status=HTTPStatus.SERVICE_UNAVAILABLE, away=True)
        cookies = [session_cookie(view.request, session.token)]
        address = _checked(view, view.form.text("next"))
        if kept := _kept(view.form):
            token = csrf_token(session.token)
            return view.page("continue.html", cookies=cookies, kept=kept, next=address, token=token)
        return view.redirect(address, cookies=cookies)

    @post("/choices", opt={**PUBLIC_PAGE, **TAKES_FORM}, status_code=200, include_in_schema=False, sync_to_thread=False)
    def choose(self, view: ViewDep) -> Page:
        """Keep the language, zone, theme or keys that a form has, and show its page again."""
        chosen = view.choices.changed(view.form.fields())
        return view.redirect(view.back("/"), cookies=[chosen.cookie()])


def _form(view: View, *, status: int = HTTPStatus.OK, next_page: str = "", **context: Any) -> Page:
    kept = _kept(view.form)
    address = _checked(view, next_page or view.form.text("next"))
    return view.page("sign_in.html", status=status, next=address, kept=kept, **{"expired": bool(kept), **context})


def _kept(form: FormData) -> list[tuple[str, str]]:
    return [(name.removeprefix(KEPT), value) for name, value in form.kept() if name.startswith(KEPT)]


def _checked(view: View, address: str) -> str:
    """Return the page that a person wanted, if it is one of this dashboard; else the first."""
    return address if view.link.is_page(address) else view.link("/")
