"""The search of the top bar: broadcasts and contacts by name, messages by number, and ids that lead straight on."""

import re
from typing import Final

from host_litestar.dashboard.broadcast import LIST
from host_litestar.dashboard.controller import PageController, page
from host_litestar.dashboard.progress import shown_state, state_of_message
from host_litestar.dashboard.view import Page, View, ViewDep
from wabroadcast_core.errors import NotFoundError, NumberError
from wabroadcast_core.models.message_detail import FoundMessage
from wabroadcast_core.models.page import CursorPage

LONGEST: Final = 200
FOUND: Final = 10  # of each kind
FOUND_MESSAGES: Final = 50
_ID: Final = re.compile(r"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(-\d{1,10})?", re.IGNORECASE | re.ASCII)


class SearchPages(PageController):
    """Route ``/ui/search``."""

    path = "/ui/search"

    @page("/")
    def show(self, view: ViewDep) -> Page:
        """Show what is found; the id of a broadcast or a message leads to its page."""
        query = view.query("q")[:LONGEST]
        if (address := _address_of(view, query)) is not None:
            return view.redirect(address)
        messages = _messages_to(view, query)
        broadcasts = view.broadcaster.list(query=query, page_size=FOUND) if query else None
        contacts = view.broadcaster.contacts.list(query=query, page_size=FOUND) if query else None
        return view.page(
            "search.html",
            search=query,
            messages=messages,
            broadcasts=broadcasts,
            contacts=contacts,
            shown_state=shown_state,
            state_of_message=state_of_message,
        )


def _address_of(view: View, query: str) -> str | None:
    """Return the page of the broadcast or the message with this id; None if there is none."""
    found = _ID.fullmatch(query)
    if found is None:
        return None
    job_id, place = found[1].lower(), found[2]
    try:
        view.broadcaster.status(job_id)
    except NotFoundError:
        return None
    return view.link(LIST, job_id, "people", f"{job_id}{place}") if place else view.link(LIST, job_id)


def _messages_to(view: View, query: str) -> CursorPage[FoundMessage] | None:
    """Return the latest messages to a number; None if the text is no whole number."""
    try:
        return view.broadcaster.messages_to(query, limit=FOUND_MESSAGES)
    except NumberError:
        return None
