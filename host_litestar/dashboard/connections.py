"""The connections: how each is, what makes it slow, and what is done with it."""

from datetime import datetime, time

from host_litestar.dashboard.connection_cards import card_of, kind_name
from host_litestar.dashboard.connection_forms import ConnectionForm
from host_litestar.dashboard.controller import PageController, act, page
from host_litestar.dashboard.limit_forms import say_limits
from host_litestar.dashboard.notices import Notice
from host_litestar.dashboard.view import Page, View, ViewDep
from host_litestar.routes.parameters import ConnectionName
from host_litestar.threads import TESTS
from wabroadcast_core.errors import ConflictError
from wabroadcast_core.models.api_key import Scope
from wabroadcast_core.models.connection import ConnectionDay, ConnectionDetails

PATH = "/ui/connections"
CARDS = 24  # connections of a page
TONES = {"up": "ok", "down": "danger", "unknown": "warn"}


class ConnectionPages(PageController):
    """Routes under ``/ui/connections`` about connections that exist."""

    path = PATH

    @page("")
    def show_all(self, view: ViewDep) -> Page:
        """Show all connections as cards."""
        found = view.broadcaster.connections.page(page=view.page_number(), page_size=CARDS)
        waiting = view.broadcaster.connections.waiting()
        cards = [card_of(view, one, waiting=waiting.get(one.name, 0)) for one in found.items]
        return view.page("connections.html", cards=cards, page=found, now=view.broadcaster.context.clock.now())

    @page("/{name:str}")
    def show(self, view: ViewDep, name: ConnectionName) -> Page:
        """Show a connection, its last 30 days, and the form of its settings."""
        return show_connection(view, name)

    @act("/{name:str}/pause")
    def pause(self, view: ViewDep, name: ConnectionName) -> Page:
        """Pause a connection."""
        view.broadcaster.connections.pause(name, actor=view.actor)
        return _back(view, name, Notice("connections.paused", {"name": name}))

    @act("/{name:str}/resume")
    def resume(self, view: ViewDep, name: ConnectionName) -> Page:
        """Resume a paused connection."""
        view.broadcaster.connections.resume(name, actor=view.actor)
        return _back(view, name, Notice("connections.resumed", {"name": name}))

    @act("/{name:str}/default", scope=Scope.ADMIN)
    def set_default(self, view: ViewDep, name: ConnectionName) -> Page:
        """Make a connection the default."""
        view.broadcaster.connections.set_default(name, actor=view.actor)
        return _back(view, name, Notice("connections.made_default", {"name": name}))

    @act("/{name:str}/test", threads=TESTS)
    def test(self, view: ViewDep, name: ConnectionName) -> Page:
        """Check with the provider whether the account can send."""
        test = view.broadcaster.connections.test(name)
        values: dict[str, str | int] = {"name": name, "reason": view.words.of(test.reason)}
        return _back(view, name, Notice(f"connections.test.{test.state}", values, TONES[test.state]))  # type: ignore[arg-type]  # the tones are those of notices

    @act("/{name:str}/delete", scope=Scope.ADMIN)
    def delete(self, view: ViewDep, name: ConnectionName) -> Page:
        """Delete a connection; while broadcasts use it, its page names them."""
        try:
            view.broadcaster.connections.delete(name, actor=view.actor)
        except ConflictError:
            return show_connection(view, name, is_refused=True, status=409)
        return view.redirect(view.link(PATH), Notice("connections.deleted", {"name": name}))


def show_connection(
    view: View,
    name: str,
    form: ConnectionForm | None = None,
    *,
    is_refused: bool = False,
    **more: object,
) -> Page:
    """Render the page of a connection.

    :param form: with what was typed, if it did not fit.
    :param is_refused: whether it was to be deleted, but is in use.
    """
    details = view.broadcaster.connections.details(name, zone=view.choices.zone)
    connection = details.connection
    sender = view.broadcaster.plugins.senders.get(connection.sender)
    return view.page(
        "connection.html",
        card=card_of(view, connection, waiting=details.waiting),
        limits=say_limits(view, connection),
        days=[(_name_of(view, one), one) for one in details.days],
        users=details.used_by,
        is_refused=is_refused,
        form=form or _form_of(view, details),
        kind=kind_name(view, connection.sender),
        is_installed=sender is not None,
        webhook=_webhook_address(view, name) if hasattr(sender, "verify_webhook") else None,
        now=view.broadcaster.context.clock.now(),
        **more,  # type: ignore[arg-type]  # the status and the faults
    )


def _form_of(view: View, details: ConnectionDetails) -> ConnectionForm | None:
    """Return the form of a connection; None for who may not change it, or if its sender is not installed."""
    connection = details.connection
    if connection.sender not in view.broadcaster.plugins.senders or not view.may("admin"):
        return None
    return ConnectionForm.of(view, connection, secrets=details.stored_secrets)


def _name_of(view: View, day: ConnectionDay) -> str:
    return view.fmt.day(datetime.combine(day.day, time(12), view.fmt.zone))


def _webhook_address(view: View, name: str) -> str:
    """Return the absolute address for the calls of the provider, on the host under which this page was asked for."""
    url = view.request.url
    return f"{url.scheme}://{url.netloc}{view.link('/webhooks', name)}"


def _back(view: View, name: str, notice: Notice) -> Page:
    return view.redirect(view.back(f"{PATH}/{name}"), notice)
