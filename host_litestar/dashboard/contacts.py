"""The contact book: its list, the tagging of many contacts, and new contacts."""

from http import HTTPStatus
from typing import Any, Final

from host_litestar.dashboard.contact_form import contact_draft, empty_fields, sent_fields
from host_litestar.dashboard.controller import PageController, act, page
from host_litestar.dashboard.notices import Notice
from host_litestar.dashboard.view import Page, View, ViewDep
from host_litestar.threads import FILES
from wabroadcast_core.errors import InvalidInputError, NotFoundError, NumberError, fault_of_number
from wabroadcast_core.models.api_key import Scope
from wabroadcast_core.models.contact import TaggingReport, split_tags

ROOM: Final = "/ui/contacts"
OFFERED_TAGS: Final = 200  # names that a field of a tag completes
LONGEST_SEARCH: Final = 200


class ContactPages(PageController):
    """Routes ``/ui/contacts``, ``/ui/contacts/new`` and ``/ui/contacts/tagging``."""

    path = ROOM

    @page("/")
    def show(self, view: ViewDep) -> Page:
        """Show the contacts that a search and a tag select."""
        return _list(view, _filter(view))

    @act("/tagging", threads=FILES)
    def tag(self, view: ViewDep) -> Page:
        """Add tags to the chosen contacts, or to all that the filter finds, or remove them."""
        chosen = _filter_of_form(view)
        try:
            report = _tag(view, chosen)
        except InvalidInputError as error:
            return _list(view, chosen, status=HTTPStatus.BAD_REQUEST, faults=error.faults)
        return view.redirect(view.link(ROOM, **chosen), _tagged(report, is_adding=view.form.text("do") == "add"))

    @page("/new", scope=Scope.OPERATE)
    def show_new(self, view: ViewDep) -> Page:
        """Show the form of a new contact."""
        return view.page("contact_new.html", fields=empty_fields(number=view.query("number")))

    @act("/new")
    def create(self, view: ViewDep) -> Page:
        """Create a contact. A number that is in the book already is a fault, so that nothing is overwritten."""
        try:
            contact = view.broadcaster.contacts.save(_new_draft(view), actor=view.actor)
        except InvalidInputError as error:
            faults = error.faults
        except NumberError as error:
            faults = (fault_of_number(error),)
        else:
            return view.redirect(view.link(ROOM, contact.number), Notice("contacts.created"))
        return view.page(
            "contact_new.html", status=HTTPStatus.BAD_REQUEST, faults=faults, fields=sent_fields(view.form)
        )


def _list(view: View, chosen: dict[str, str], **context: Any) -> Page:
    found = view.broadcaster.contacts.list(
        tag=chosen["tag"] or None, query=chosen["q"] or None, page=view.page_number()
    )
    tags = view.broadcaster.tags.list()
    ticked = frozenset(view.form.texts("number"))
    return view.page("contacts.html", found=found, tags=tags[:OFFERED_TAGS], chosen=chosen, ticked=ticked, **context)


def _filter(view: View) -> dict[str, str]:
    return {name: view.query(name)[:LONGEST_SEARCH] for name in ("q", "tag")}


def _filter_of_form(view: View) -> dict[str, str]:
    return {name: view.form.text(name)[:LONGEST_SEARCH] for name in ("q", "tag")}


def _tag(view: View, chosen: dict[str, str]) -> TaggingReport:
    """Tag what the form selects.

    :raises InvalidInputError: no contact is chosen, or a tag is not valid.
    """
    form = view.form
    everyone = form.text("who") == "all"
    numbers = form.texts("number")
    tags = split_tags(form.text("tags"))
    faults = [
        *([] if everyone or numbers else [view.fault("", "contacts.none_chosen")]),
        *([] if tags else [view.fault("", "contacts.no_tag")]),
    ]
    if faults:
        raise InvalidInputError(faults)
    selected = (
        {"filter": {name: value for name, value in chosen.items() if value}} if everyone else {"numbers": numbers}
    )
    change = "add" if form.text("do") == "add" else "remove"
    return view.broadcaster.tags.tag_contacts({**selected, change: tags}, actor=view.actor)


def _tagged(report: TaggingReport, *, is_adding: bool) -> Notice:
    if is_adding:
        return Notice("contacts.tags_added", {"n": report.contacts, "changed": report.added})
    return Notice("contacts.tags_removed", {"n": report.contacts, "changed": report.removed})


def _new_draft(view: View) -> dict[str, Any]:
    """Return the contact that the form has.

    :raises InvalidInputError: a contact has this number already.
    """
    draft = contact_draft(view.form) | {"number": view.form.text("number")}
    try:
        view.broadcaster.contacts.get(draft["number"])
    except NotFoundError:
        return draft
    raise InvalidInputError([view.fault("number", "contacts.known")])
