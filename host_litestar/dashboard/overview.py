"""The first page: what needs a person, what runs, what comes next, and how the last days were."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from litestar import get

import host_litestar
from host_litestar.dashboard.causes import ENGINE, say_cause, say_reason
from host_litestar.dashboard.controller import PageController, act, page
from host_litestar.dashboard.view import Page, View, ViewDep
from host_litestar.doctor.examination import takes_calls
from host_litestar.routes.parameters import BroadcasterDep
from host_litestar.scopes import READS
from host_litestar.threads import PAGES, SUBMITS
from wabroadcast_core.models.broadcast import LiveOverview
from wabroadcast_core.models.overview import Overview
from wabroadcast_core.models.waiting import BroadcastPaused
from wabroadcast_core.services.connections import SANDBOX

DAYS = 7
SAMPLE = Path(host_litestar.__file__).parent / "samples" / "contacts.csv"


@dataclass(frozen=True, slots=True)
class Need:
    """Something that needs a person: what it is, and where the act for it is."""

    tone: str
    text: str
    address: str
    act: str


class OverviewPages(PageController):
    """Routes ``/`` and ``/ui/running``."""

    path = "/"

    @page("/")
    def show(self, view: ViewDep) -> Page:
        """Show the overview."""
        found = view.broadcaster.overview(days=DAYS)
        view.show_running(found.running, total=found.total_running)
        return view.page(
            "overview.html",
            found=found,
            needs=list(_needs(view, found)),
            causes={one.job_id: say_cause(view, one.waiting_for) for one in found.running},
            steps=_first_steps(found),
            days=DAYS,
        )

    @act("/ui/sample", threads=SUBMITS)
    def send_sample(self, view: ViewDep) -> Page:
        """Send the sample that comes with the server through the sandbox."""
        upload = view.broadcaster.uploads.save([SAMPLE.read_bytes()], filename=SAMPLE.name)
        body = {
            "name": view.t("overview.sample.name"),
            "message": {"type": "text", "text": view.t("overview.sample.text")},
            "source": {"type": "csv", "uploadId": upload.upload_id},
            "connection": SANDBOX,
        }
        key = view.form.text("once") or None
        made = view.broadcaster.submit(body, idempotency_key=key, actor=view.actor)
        return view.redirect(view.link("/ui/broadcasts", made.job_id))

    @get("/ui/running", opt=READS, include_in_schema=False)
    @PAGES
    def snapshot(self, broadcaster: BroadcasterDep) -> LiveOverview:
        """Return what the event stream of all that runs would send now."""
        found = broadcaster.running_progress(limit=100)
        return LiveOverview(broadcasts=found, total=broadcaster.running(limit=0).total)


def _needs(view: View, found: Overview) -> Iterator[Need]:
    """Yield what needs a person, the most urgent first."""
    if not takes_calls(view.broadcaster.context.redis):
        yield Need("danger", view.t("overview.redis"), view.link("/ui/settings/system"), view.t("overview.look"))
    if (missing := found.missing_worker) is not None:
        key = "overview.no_worker" if missing.since is None else "overview.no_worker.since"
        text = view.t(key, **({} if missing.since is None else {"since": view.fmt.moment(missing.since)}))
        yield Need("danger", text, view.link("/ui/settings/system"), view.t("overview.look"))
    yield from _stopped_connections(view, found)
    yield from _stopped_broadcasts(view, found)
    for one in found.uncertain:
        address = view.link("/ui/broadcasts", one.job_id)
        text = view.t("overview.uncertain", n=one.counts.unknown, name=one.name)
        yield Need("unsure", text, address, view.t("act.show"))
    if found.failed_callbacks:
        text = view.t("overview.callbacks", n=found.failed_callbacks)
        yield Need("warn", text, view.link("/ui/settings/callbacks", status="failed"), view.t("act.show"))
    if found.rejecting_import is not None:
        text = view.t("overview.rejected", n=found.rejected_rows)
        yield Need("warn", text, view.link("/ui/contacts/imports", found.rejecting_import), view.t("act.show"))


def _stopped_connections(view: View, found: Overview) -> Iterator[Need]:
    for account in found.connections:
        if account.by_itself:
            reason, since = say_reason(view, account.state_reason), view.fmt.moment(account.state_since)
            text = view.t("overview.down", name=account.name, since=since, reason=reason)
            yield Need("danger", text, view.link("/ui/connections", account.name), view.t("overview.look"))


def _stopped_broadcasts(view: View, found: Overview) -> Iterator[Need]:
    for one in found.running:
        cause = one.waiting_for
        if isinstance(cause, BroadcastPaused) and cause.by == ENGINE:
            text = view.t("overview.stopped", name=one.name, reason=say_reason(view, cause.reason))
            yield Need("danger", text, view.link("/ui/broadcasts", one.job_id), view.t("overview.look"))


def _first_steps(found: Overview) -> list[tuple[str, str, bool]]:
    """Return the steps of a fresh start: key of the text, page, whether it is done; none once all are."""
    has_account = any(account.sender != SANDBOX for account in found.connections)
    steps = [
        ("try", "/ui/broadcasts/new", found.has_broadcasts),
        ("connect", "/ui/connections/new", has_account),
        ("contacts", "/ui/contacts/import", found.has_contacts),
    ]
    return [] if all(done for _, _, done in steps) or (found.has_broadcasts and has_account) else steps
