"""New connections, and changes of those that exist."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from host_litestar.dashboard.connection_cards import kind_name
from host_litestar.dashboard.connection_forms import ConnectionForm
from host_litestar.dashboard.connections import PATH, show_connection
from host_litestar.dashboard.controller import PageController, act, page
from host_litestar.dashboard.notices import Notice
from host_litestar.dashboard.refusals import REFUSALS, refused
from host_litestar.dashboard.view import Page, View, ViewDep
from host_litestar.routes.parameters import ConnectionName
from wabroadcast_core.errors import Fault, InvalidInputError, NotFoundError, UnavailableError
from wabroadcast_core.models.api_key import Scope

NEW = f"{PATH}/new"
NOT_NAMES = frozenset({"new"})  # whose pages have other addresses


@dataclass(frozen=True, slots=True)
class KindChoice:
    """A kind of sender that may be chosen."""

    kind: str
    name: str
    about: str
    is_risky: bool


class ConnectionSavingPages(PageController):
    """Routes under ``/ui/connections`` that save."""

    path = PATH

    @page("/new", scope=Scope.ADMIN)
    def choose(self, view: ViewDep) -> Page:
        """Show the kinds of sender to choose from, and then the form of the chosen one."""
        if kind := view.query("kind"):
            return _form_page(view, ConnectionForm.new(view, kind))
        return view.page("connection_kinds.html", kinds=_kinds(view))

    @act("/new", scope=Scope.ADMIN)
    def create(self, view: ViewDep) -> Page:
        """Create a connection."""
        name = view.form.text("name")
        form = ConnectionForm.sent(view, view.form.text("kind"))
        try:
            _check_secrets(view, form)
            _check_new(view, name)
            view.broadcaster.connections.save(name, form.draft(), actor=view.actor)
        except REFUSALS as error:
            form = form.after(error)
            return _form_page(view, form, name=name, **_refused(view, form, error))
        return view.redirect(view.link(PATH, name), Notice("connections.created", {"name": name}))

    @act("/{name:str}/save", scope=Scope.ADMIN)
    def change(self, view: ViewDep, name: ConnectionName) -> Page:
        """Change the settings and the limits of a connection."""
        present = view.broadcaster.connections.details(name, zone=view.choices.zone)
        form = ConnectionForm.changed(view, present.connection, secrets=present.stored_secrets)
        try:
            _check_secrets(view, form)
            view.broadcaster.connections.save(name, form.draft(), actor=view.actor)
        except REFUSALS as error:
            form = form.after(error)
            return show_connection(view, name, form, **_refused(view, form, error))
        return view.redirect(view.link(PATH, name), Notice("connections.saved", {"name": name}))


def _form_page(view: View, form: ConnectionForm, *, name: str = "", **more: Any) -> Page:
    return view.page("connection_new.html", form=form, name=name, **more)


def _kinds(view: View) -> list[KindChoice]:
    senders = view.broadcaster.plugins.senders
    return [
        KindChoice(
            kind=kind,
            name=kind_name(view, kind),
            about=view.t(about) if (about := f"kind.{kind}.about") in view.t else "",
            is_risky=sender.capabilities.ban_risk,
        )
        for kind, sender in sorted(senders.items())
    ]


def _refused(view: View, form: ConnectionForm, error: InvalidInputError | UnavailableError) -> dict[str, Any]:
    """Return the status and the faults with which the form is shown again: those of the secrets to enter again too."""
    shown = refused(view, error)
    again = [fault for fault in _secret_faults(view, sorted(form.lost)) if fault not in shown["faults"]]
    return {**shown, "faults": [*shown["faults"], *again]}


def _check_secrets(view: View, form: ConnectionForm) -> None:
    """Check that the secrets which were typed before a fault were entered again.

    :raises InvalidInputError: one is empty, and was not given up.
    """
    if faults := _secret_faults(view, form.missing_secrets()):
        raise InvalidInputError(faults)


def _secret_faults(view: View, names: Sequence[str]) -> list[Fault]:
    return [view.fault(name, "setting_form.enter_again") for name in names]


def _check_new(view: View, name: str) -> None:
    """Check that a name is free: a save would change the connection that has it.

    :raises InvalidInputError: it is not.
    """
    if name in NOT_NAMES:
        raise InvalidInputError([view.fault("name", "connections.name_reserved")])
    try:
        view.broadcaster.connections.get(name)
    except NotFoundError:
        return
    raise InvalidInputError([view.fault("name", "connections.name_taken")])
