"""One request as a page sees it: who asks, what may be done, in which language, and how the answer is made."""

import secrets
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any, Final, NamedTuple

from litestar import Request, Response
from litestar.datastructures import Cookie
from litestar.di import NamedDependency
from litestar.status_codes import HTTP_200_OK, HTTP_303_SEE_OTHER
from markupsafe import Markup

from host_litestar.auth import SCOPES_OF_CALLER, has_passed, is_open, provide_actor
from host_litestar.dashboard import static_files
from host_litestar.dashboard.choices import ZONE_NAMES, read_choices
from host_litestar.dashboard.field_names import name_field
from host_litestar.dashboard.formats import Formats
from host_litestar.dashboard.forms import FormData, form_of, read_digits
from host_litestar.dashboard.links import links_of
from host_litestar.dashboard.notices import COOKIE, FORGOTTEN, Notice, read_notice
from host_litestar.dashboard.rendering import environment
from host_litestar.dashboard.sentences import OwnText, say, say_plainly
from host_litestar.dashboard.texts import Texts
from host_litestar.dashboard.words import Words
from host_litestar.session_cookies import session_of
from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.errors import Fault, UnavailableError
from wabroadcast_core.models.api_key import Scope, are_enough
from wabroadcast_core.models.broadcast import BroadcastSummary, RunningBroadcast
from wabroadcast_core.sentences import Sentence
from wabroadcast_core.services.sessions import csrf_token

ROOMS: Final = (
    ("/", "nav.overview"),
    ("/ui/broadcasts", "nav.broadcasts"),
    ("/ui/contacts", "nav.contacts"),
    ("/ui/connections", "nav.connections"),
    ("/ui/opt-outs", "nav.opt_outs"),
    ("/ui/activity", "nav.activity"),
    ("/ui/settings", "nav.settings"),
)

BROADCASTS: Final = "/ui/broadcasts"
DRAFTS: Final = "/ui/drafts"  # a page of the broadcasts too

AnyRequest = Request[Any, Any, Any]
Page = Response[str]
HTML: Final = "text/html"
FRAGMENT: Final = "part"  # the parameter with which a script asks for a part of a page


class RunningNow(NamedTuple):
    """What the top bar shows: the newest broadcasts that run, and how many there are."""

    broadcasts: Sequence[BroadcastSummary | RunningBroadcast]
    total: int


class View:
    """A request to a page.

    :param mount: the path of the routes inside the application.
    """

    def __init__(self, request: AnyRequest, broadcaster: Broadcaster, *, mount: str) -> None:
        self.request = request
        self.broadcaster = broadcaster
        self.link = links_of(request, mount)
        self.choices = read_choices(request, zone=broadcaster.settings.timezone)
        self.fmt = Formats(self.choices.language, self.choices.zone)
        self.t = Texts(self.choices.language, self._number)
        self.words = Words(self.t, broadcaster.reasons, language=self.choices.language)

    # --- who asks ----------------------------------------------------------------------------------------------

    @property
    def actor(self) -> str:
        """Who is recorded for acts."""
        return provide_actor(self.request)

    @property
    def has_session(self) -> bool:
        """Whether a person has signed in."""
        return session_of(self.request) is not None

    @property
    def has_access(self) -> bool:
        """Whether the request passed the guards, so that its page may show what is in the store."""
        return has_passed(self.request)

    def may(self, scope: str) -> bool:
        """Return whether the caller may do what needs a scope: ``read``, ``operate`` or ``admin``."""
        return self.has_access and are_enough(self.request.state.get(SCOPES_OF_CALLER, tuple(Scope)), Scope(scope))

    @property
    def is_open(self) -> bool:
        """Whether everyone on this machine may do everything, because there is no key."""
        return is_open(self.request)

    @cached_property
    def csrf(self) -> str:
        """The token that each form of the session has; empty without a session."""
        session = session_of(self.request)
        return "" if session is None else csrf_token(session.token)

    @property
    def once(self) -> str:
        """The idempotency key of a form that must send once, however often its button is pressed.

        A form that is shown again keeps the one that it has.
        """
        return self.form.text("once") or secrets.token_urlsafe(16)

    # --- what is asked -----------------------------------------------------------------------------------------

    @property
    def form(self) -> FormData:
        """The form that was sent; empty for a page that is only shown."""
        return form_of(self.request)

    def query(self, name: str, default: str = "") -> str:
        """Return a parameter of the address."""
        return str(self.request.query_params.get(name, default)).strip()

    def page_number(self) -> int:
        """Return the number of the page of a list that is asked for; the first is 1."""
        return min(read_digits(self.query("page")) or 1, 1_000_000)

    @property
    def address(self) -> str:
        """The address that was asked for, with its parameters: forms send it as ``back``.

        Of a part of a page it is that of the page.
        """
        query = self.request.scope["query_string"].decode("latin-1")
        path = self.request.url.path
        is_page = self.request.method == "GET" and FRAGMENT not in self.request.query_params
        return f"{path}?{query}" if query and is_page else path

    @property
    def rooms(self) -> Sequence[tuple[str, str]]:
        """The rooms of the side bar: path and key of the text."""
        return ROOMS

    def is_in(self, path: str) -> bool:
        """Return whether the page is in a room."""
        here = self.request.url.path.rstrip("/") or "/"
        if path == BROADCASTS and here.startswith(f"{self.link(DRAFTS)}/"):
            return True
        home = self.link(path).rstrip("/") or "/"
        return here == home or (path != "/" and here.startswith(f"{home}/"))

    @cached_property
    def running(self) -> RunningNow:
        """What runs now, for the top bar. While the store is away, nothing is shown there."""
        try:
            found = self.broadcaster.running(limit=1)
        except UnavailableError:
            return RunningNow((), 0)
        return RunningNow(found.items, found.total)

    def show_running(self, broadcasts: Sequence[RunningBroadcast], *, total: int) -> None:
        """Let the top bar show what a page has read already."""
        self.running = RunningNow(broadcasts, total)

    # --- the answer --------------------------------------------------------------------------------------------

    def page(
        self,
        template: str,
        *,
        status: int = HTTP_200_OK,
        faults: Sequence[Fault] = (),
        cookies: Iterable[Cookie] = (),
        **context: Any,
    ) -> Page:
        """Render a page.

        :param faults: of the form that was sent, each shown at its field.
        """
        notice = read_notice(self.request)
        forgotten = [FORGOTTEN] if COOKIE in self.request.cookies else []
        html = self.render(template, notice=self._known(notice), faults=self.faults_by_field(faults), **context)
        return Response(html, media_type=HTML, status_code=status, cookies=[*cookies, *forgotten])

    def render(self, template: str, **context: Any) -> str:
        """Return a template as HTML, with what all templates may use."""
        names = {"notice": None, "faults": self.faults_by_field(()), "here": self.request.url.path, **context}
        return (
            environment()
            .get_template(template)
            .render(
                v=self,
                t=self.t,
                say=self.say,
                fmt=self.fmt,
                link=self.link,
                asset=self.asset,
                may=self.may,
                csrf=self.csrf,
                **names,
            )
        )

    def faults_by_field(self, faults: Sequence[Fault]) -> "FaultsByField":
        """Return the faults of a form as the templates of fields take them."""
        return FaultsByField([Fault(fault.path, self.say(fault.message)) for fault in faults])

    def fault(self, path: str, key: str, **values: object) -> Fault:
        """Return a fault of a form that the page itself found.

        :param path: the name of the field; empty for the form as a whole.
        :param key: of the text that says what is wrong.
        """
        return Fault(path, OwnText(self.t(key, **values)))

    def hours(self, start: object, end: object, zone: object) -> str:
        """Return the hours of the day in which messages may start; one end may be missing in a draft.

        :param zone: the name of the time zone; None or empty: that of the installation.
        """
        name = str(zone or self.broadcaster.settings.timezone)
        written = {side: self.fmt.time(str(at)) for side, at in (("start", start), ("end", end)) if at}
        key = "both" if len(written) != 1 else next(iter(written))
        return self.t(f"hours.{key}", zone=ZONE_NAMES.get(name, name), **{"start": "", "end": "", **written})

    def field_name(self, path: str) -> str:
        """Return the label of the field that a fault is about; the path, if no page has a text for it."""
        return name_field(self.t, path)

    def with_field(self, path: str, message: str) -> str:
        """Return what is wrong behind the label of its field; of a form as a whole, alone."""
        return self.t("compose.fault", field=self.field_name(path), reason=message) if path else message

    def say(self, text: str) -> str:
        """Return a sentence of the core in the language of the page."""
        return say(self.t, text)

    def translated(self, text: str) -> str:
        """Return a text that may be a sentence of the core in the language of the page; any other text as it is."""
        return self.say(text) if isinstance(text, Sentence) else text

    def say_plainly(self, text: str) -> str:
        """Return a sentence of the core in the language of the page, without markup."""
        return say_plainly(self.t, text)

    def fragment(self, template: str, **context: Any) -> Page:
        """Render a part of a page, for a script that puts it into its place."""
        return Response(self.render(template, **context), media_type=HTML)

    def redirect(self, address: str, notice: Notice | None = None, *, cookies: Iterable[Cookie] = ()) -> Page:
        """Redirect to a page, as each act does that was done.

        :param notice: what that page says about the act.
        """
        said = [] if notice is None else [notice.cookie()]
        return Response(
            "",
            media_type=HTML,
            status_code=HTTP_303_SEE_OTHER,
            headers={"Location": address},
            cookies=[*cookies, *said],
        )

    def asset(self, name: str) -> str:
        """Return the address of a static file, which is another one when the file is."""
        return self.link("/ui/static", static_files.VERSION, name)

    def back(self, default: str) -> str:
        """Return the page from which a form was sent, as the form itself says; else a default.

        It is always a page of this dashboard.
        """
        given = self.form.text("back")
        return given if self.link.is_page(given) else self.link(default)

    def _known(self, notice: Notice | None) -> Notice | None:
        return notice if notice is not None and notice.key in self.t else None

    def _number(self, value: float) -> str:
        return self.fmt.number(value, digits=0 if float(value).is_integer() else 1)


class FaultsByField:
    """The faults of a form in the language of the page, found by the path of their field."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        self.all = list(faults)

    def __call__(self, path: str) -> str:
        """Return what is wrong with a field and what is below it; an empty text if nothing is."""
        found = [fault.message for fault in self.all if fault.path == path or fault.path.startswith(f"{path}.")]
        return Markup("; ").join(found)

    def __bool__(self) -> bool:
        return bool(self.all)


ViewDep = NamedDependency[View]
