"""One person: the contact, its opt-outs, and the messages to its number over all broadcasts."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from host_litestar.dashboard.causes import say_reason
from host_litestar.dashboard.contact_form import contact_draft, fields_of, sent_fields
from host_litestar.dashboard.contacts import ROOM
from host_litestar.dashboard.controller import PageController, act, page
from host_litestar.dashboard.notices import Notice
from host_litestar.dashboard.opt_out_words import say_opt_out, say_source
from host_litestar.dashboard.view import Page, View, ViewDep
from host_litestar.routes.parameters import PersonNumber
from wabroadcast_core.audience.numbers import mask_number, normal_number
from wabroadcast_core.errors import InvalidInputError, NotFoundError, NumberError
from wabroadcast_core.models.api_key import Scope
from wabroadcast_core.models.blacklist import LONGEST_REASON, BlacklistAct
from wabroadcast_core.models.contact import ContactView, ErasureReport
from wabroadcast_core.models.message_detail import FoundMessage
from wabroadcast_core.models.page import CursorPage

SHOWN_MESSAGES = 25


class PersonPages(PageController):
    """Routes under ``/ui/contacts/{number}``."""

    path = ROOM

    @page("/{number:str}")
    def show(self, view: ViewDep, number: PersonNumber) -> Page:
        """Show a person, who need not be in the contact book."""
        return _person(view, _normal(view, number))

    @page("/{number:str}/history")
    def show_history(self, view: ViewDep, number: PersonNumber) -> Page:
        """Show the opt-outs and opt-ins of a person."""
        normal = _normal(view, number)
        messages = view.broadcaster.messages_to(normal, limit=SHOWN_MESSAGES)
        history = _history(view, view.broadcaster.blacklist.history(normal), messages)
        return view.page("person_history.html", number=normal, history=history)

    @page("/{number:str}/edit", scope=Scope.OPERATE)
    def show_form(self, view: ViewDep, number: PersonNumber) -> Page:
        """Show the form of a contact."""
        return view.page("contact_edit.html", fields=fields_of(view.broadcaster.contacts.get(number)))

    @act("/{number:str}/edit")
    def save(self, view: ViewDep, number: PersonNumber) -> Page:
        """Change a contact."""
        contact = view.broadcaster.contacts.get(number)
        draft = contact_draft(view.form, contact.variables) | {"number": contact.number}
        try:
            view.broadcaster.contacts.save(draft, actor=view.actor)
        except InvalidInputError as error:
            fields = sent_fields(view.form, number=contact.number)
            return view.page("contact_edit.html", status=HTTPStatus.BAD_REQUEST, faults=error.faults, fields=fields)
        return view.redirect(view.link(ROOM, contact.number), Notice("person.saved"))

    @act("/{number:str}/delete")
    def delete(self, view: ViewDep, number: PersonNumber) -> Page:
        """Delete a contact from the contact book."""
        view.broadcaster.contacts.delete(number, actor=view.actor)
        return view.redirect(view.link(ROOM), Notice("person.deleted"))

    @act("/{number:str}/erase", scope=Scope.ADMIN)
    def erase(self, view: ViewDep, number: PersonNumber) -> Page:
        """Erase a person everywhere, once the number was typed."""
        normal = _normal(view, number)
        if _typed_number(view) != normal:
            fault = view.fault("typed", "person.typed_other")
            return _person(view, normal, status=HTTPStatus.BAD_REQUEST, faults=[fault])
        report = view.broadcaster.contacts.erase(normal, actor=view.actor)
        return view.redirect(view.link(ROOM), _erased(report))

    @act("/{number:str}/opt-out")
    def opt_out(self, view: ViewDep, number: PersonNumber) -> Page:
        """Block a number, on all connections or on one."""
        normal, reason = _normal(view, number), _reason(view)
        if reason is None:
            return _without_reason(view, normal, "reason")
        connection = view.form.text("connection") or None
        view.broadcaster.blacklist.add(normal, reason=reason, connection=connection, actor=view.actor)
        return view.redirect(view.link(ROOM, normal), Notice("person.opted_out"))

    @act("/{number:str}/allow")
    def allow(self, view: ViewDep, number: PersonNumber) -> Page:
        """Allow a number again, on all connections or on the one that the form names."""
        normal, reason = _normal(view, number), _reason(view)
        if reason is None:
            return _without_reason(view, normal, "reason")
        connection = view.form.text("connection") or None
        view.broadcaster.blacklist.remove(normal, connection=connection, reason=reason, actor=view.actor)
        return view.redirect(view.link(ROOM, normal), Notice("person.allowed"))


def _person(view: View, number: str, **context: Any) -> Page:
    entries = view.broadcaster.blacklist.entries(number)
    messages = view.broadcaster.messages_to(number, cursor=view.query("cursor") or None, limit=SHOWN_MESSAGES)
    return view.page(
        "person.html",
        number=number,
        contact=_contact(view, number),
        entries=[(entry, say_opt_out(view, entry.reason), say_source(view, entry.source)) for entry in entries],
        messages=messages,
        reasons={one.message_id: say_reason(view, one.reason) for one in messages.items if one.reason},
        **context,
    )


def _contact(view: View, number: str) -> ContactView | None:
    try:
        return view.broadcaster.contacts.get(number)
    except NotFoundError:
        return None


def _history(
    view: View, acts: Sequence[BlacklistAct], messages: CursorPage[FoundMessage]
) -> list[tuple[BlacklistAct, str, str, FoundMessage | None]]:
    """Return the opt-outs and opt-ins, the latest first: each with its reason and source in words, and for an opt-out
    the last message before it.
    """
    return [
        (
            one,
            say_opt_out(view, one.reason) if one.reason else "",
            say_source(view, one.actor),
            _message_before(one, messages) if one.act == "opt_out" else None,
        )
        for one in reversed(acts)
    ]


def _message_before(one: BlacklistAct, messages: CursorPage[FoundMessage]) -> FoundMessage | None:
    sent = [message for message in messages.items if message.sent_at is not None and message.sent_at <= one.at]
    return max(sent, key=lambda message: message.sent_at or one.at, default=None)


def _normal(view: View, number: str) -> str:
    """Return a number of an address in E.164.

    :raises NotFoundError: it is no number.
    """
    try:
        return normal_number(number, region=view.broadcaster.settings.default_region)
    except NumberError:
        raise NotFoundError("contact", mask_number(number)) from None


def _typed_number(view: View) -> str | None:
    try:
        return _normal(view, view.form.text("typed"))
    except NotFoundError:
        return None


def _reason(view: View) -> str | None:
    """Return the reason that the form has; None if there is none, or it is too long."""
    reason = view.form.text("reason")
    return reason if 0 < len(reason) <= LONGEST_REASON else None


def _without_reason(view: View, number: str, field: str) -> Page:
    fault = view.fault(field, "opt_outs.reason_missing", most=LONGEST_REASON)
    return _person(view, number, status=HTTPStatus.BAD_REQUEST, faults=[fault])


def _erased(report: ErasureReport) -> Notice:
    values: dict[str, str | int] = {"n": report.messages, "cancelled": report.cancelled}
    if report.pending or report.unread_drafts:
        return Notice("person.erased_in_part", values | {"pending": report.pending + report.unread_drafts}, "warn")
    return Notice("person.erased", values | {"under_way": report.under_way})
