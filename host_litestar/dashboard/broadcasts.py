"""The list of all broadcasts and drafts: filters with their counts, search, and acts on several broadcasts at once."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from host_litestar.dashboard.controller import PageController, act, page
from host_litestar.dashboard.notices import Notice
from host_litestar.dashboard.progress import cause_of, left_of, shown_state
from host_litestar.dashboard.view import Page, View, ViewDep
from wabroadcast_core.errors import ConflictError, NotFoundError
from wabroadcast_core.models.broadcast import BroadcastIndex, BroadcastSummary, ListedBroadcast
from wabroadcast_core.models.draft import ListedDraft
from wabroadcast_core.models.page import Page as ListPage
from wabroadcast_core.models.status import RUNNING_BROADCASTS, BroadcastStatus

LIST: Final = "/ui/broadcasts"
PAGE_SIZE: Final = 50
LONGEST_SEARCH: Final = 200
MOST_SELECTED: Final = PAGE_SIZE
DRAFTS: Final = "drafts"
FILTERS: Final = {
    "active": RUNNING_BROADCASTS,  # what the top bar counts: the paused ones too
    "running": frozenset({BroadcastStatus.QUEUED, BroadcastStatus.PROCESSING}),
    "scheduled": frozenset({BroadcastStatus.SCHEDULED}),
    "paused": frozenset({BroadcastStatus.PAUSED}),
    DRAFTS: frozenset[BroadcastStatus](),
    "done": frozenset({BroadcastStatus.COMPLETED}),
    "cancelled": frozenset({BroadcastStatus.CANCELLED}),
    "failed": frozenset({BroadcastStatus.FAILED}),
}
ACTS: Final = ("pause", "resume", "cancel")


@dataclass(frozen=True, slots=True)
class Row:
    """One broadcast in the list."""

    broadcast: ListedBroadcast
    state: str  # the state that its word and shape show
    cause: str


@dataclass(frozen=True, slots=True)
class Choice:
    """One filter of the list: its name, how many entries it has, its address, and whether it is chosen."""

    name: str
    number: int
    address: str
    is_chosen: bool


class BroadcastsPages(PageController):
    """Routes ``/ui/broadcasts`` and ``/ui/broadcasts/selected``."""

    path = LIST

    @page("/")
    def show(self, view: ViewDep) -> Page:
        """Show a page of the list."""
        chosen, query, connection = _chosen_filter(view), view.query("q")[:LONGEST_SEARCH], view.query("connection")
        index = _index(view, chosen, query=query, connection=connection)
        drafts = None if connection else _drafts(view, chosen, query=query)
        return view.page(
            "broadcasts.html",
            filters=_filters(view, chosen, index.counts, drafts=0 if drafts is None else drafts.total),
            chosen=chosen,
            search=query,
            connection=connection,
            drafts=[] if drafts is None else drafts.items,
            rows=[_row(view, one) for one in index.page.items],
            listed=drafts if drafts is not None and chosen == DRAFTS else index.page,
            is_filtered=bool(chosen or query or connection),
        )

    @act("/selected")
    def act_on_selected(self, view: ViewDep) -> Page:
        """Pause, resume or cancel the chosen broadcasts; a cancel asks first."""
        name, jobs = view.form.text("act"), view.form.texts("job")[:MOST_SELECTED]
        if name not in ACTS or not jobs:
            return view.redirect(view.back(LIST), Notice("broadcasts.none_chosen", tone="warn"))
        if name == "cancel" and not view.form.has("confirmed"):
            return _ask_to_cancel(view, jobs)
        done = sum(_was_possible(view, name, job) for job in jobs)
        return view.redirect(view.back(LIST), _said_of(name, done, others=len(jobs) - done))


def _said_of(name: str, done: int, *, others: int) -> Notice:
    """Return what is said of an act on several broadcasts.

    :param others: how many of them were in a state that does not allow it.
    """
    if others:
        return Notice(f"broadcasts.{name}.some", {"n": done, "others": others}, "warn")
    return Notice(f"broadcasts.{name}.all", {"n": done})


def _was_possible(view: View, name: str, job_id: str) -> bool:
    """Pause, resume or cancel one broadcast; return whether its state allowed it."""
    broadcaster = view.broadcaster
    calls: dict[str, Callable[..., BroadcastSummary]] = {
        "pause": broadcaster.pause,
        "resume": broadcaster.resume,
        "cancel": broadcaster.cancel,
    }
    try:
        calls[name](job_id, actor=view.actor)
    except (ConflictError, NotFoundError):
        return False
    return True


def _ask_to_cancel(view: View, jobs: Sequence[str]) -> Page:
    found = [view.broadcaster.status(job) for job in jobs]
    sent = sum(one.counts.sent for one in found)
    left = sum(left_of(one.counts) for one in found)
    return view.page("broadcasts_cancel.html", jobs=jobs, sent=sent, left=left, back=view.back(LIST))


def _chosen_filter(view: View) -> str:
    given = view.query("state")
    return given if given in FILTERS else ""


def _index(view: View, chosen: str, *, query: str, connection: str) -> BroadcastIndex:
    return view.broadcaster.index(
        statuses=FILTERS[chosen] if chosen else frozenset(BroadcastStatus),
        connection=connection or None,
        query=query or None,
        page=view.page_number(),
        page_size=PAGE_SIZE,
    )


def _drafts(view: View, chosen: str, *, query: str) -> ListPage[ListedDraft]:
    """Return a page of drafts if they are chosen; else only their number."""
    if chosen == DRAFTS:
        return view.broadcaster.drafts.list(query=query or None, page=view.page_number(), page_size=PAGE_SIZE)
    return ListPage(items=[], total=view.broadcaster.drafts.count(query=query or None), page=1, page_size=PAGE_SIZE)


def _filters(view: View, chosen: str, counts: Mapping[BroadcastStatus, int], *, drafts: int) -> list[Choice]:
    query, connection = view.query("q")[:LONGEST_SEARCH], view.query("connection")
    numbers = {name: sum(counts[status] for status in statuses) for name, statuses in FILTERS.items()}
    numbers = {"": sum(counts.values()), **numbers, DRAFTS: drafts}
    return [
        Choice(name, number, view.link(LIST, state=name, q=query, connection=connection), name == chosen)
        for name, number in numbers.items()
    ]


def _row(view: View, one: ListedBroadcast) -> Row:
    cause = view.t("progress.undone") if one.undone else cause_of(view, one.waiting_for, one.counts)
    return Row(one, shown_state(one.status, one.waiting_for), cause)
