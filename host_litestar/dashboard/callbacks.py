"""Callbacks: where they go, how they are signed, and what became of each event."""

from urllib.parse import urlsplit, urlunsplit

from pydantic import HttpUrl

from host_litestar.dashboard.controller import PageController, act, page
from host_litestar.dashboard.notices import Notice
from host_litestar.dashboard.view import Page, ViewDep
from host_litestar.routes.callbacks import EventId
from wabroadcast_core.models.callback import CallbackState

PATH = "/ui/settings/callbacks"


class CallbackPages(PageController):
    """Routes under ``/ui/settings/callbacks``."""

    path = PATH

    @page("")
    def show(self, view: ViewDep) -> Page:
        """Show the settings of callbacks and their events."""
        given, job_id = view.query("status"), view.query("job")
        state = CallbackState(given) if given in set(CallbackState) else None
        events = view.broadcaster.callbacks.list(status=state, job_id=job_id or None, page=view.page_number())
        settings = view.broadcaster.settings
        return view.page(
            "callbacks.html",
            events=events,
            state=state,
            job_id=job_id,
            states=list(CallbackState),
            address=_without_query(settings.callback_url),
            reported=[event.value for event in settings.callback_events],
            secrets=len(settings.callback_secrets),
        )

    @act("/{id:str}/retry")
    def retry(self, view: ViewDep, id: EventId) -> Page:  # noqa: A002 - the parameter's name
        """Send an event again."""
        view.broadcaster.callbacks.retry(id, actor=view.actor)
        return view.redirect(view.back(PATH), Notice("callbacks.sent_again"))


def _without_query(url: HttpUrl | None) -> str:
    """Return an address without its query, which may be a secret; an empty text if none is set."""
    if url is None:
        return ""
    parts = urlsplit(str(url))
    return urlunsplit((parts.scheme, parts.netloc, parts.path, "", ""))
