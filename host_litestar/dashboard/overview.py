"""The first page: is all well, what runs, what comes next."""

from litestar import get

from host_litestar.dashboard.controller import PageController, page
from host_litestar.dashboard.view import Page, ViewDep
from host_litestar.routes.parameters import BroadcasterDep
from host_litestar.scopes import READS
from host_litestar.threads import PAGES
from wabroadcast_core.models.broadcast import LiveOverview


class OverviewPages(PageController):
    """Routes ``/`` and ``/ui/running``."""

    path = "/"

    @page("/")
    def show(self, view: ViewDep) -> Page:
        """Show the overview."""
        return view.page("overview.html", running=view.broadcaster.running_progress(limit=10))

    @get("/ui/running", opt=READS, include_in_schema=False)
    @PAGES
    def snapshot(self, broadcaster: BroadcasterDep) -> LiveOverview:
        """Return what the event stream of all that runs would send now."""
        found = broadcaster.running_progress(limit=100)
        return LiveOverview(broadcasts=found, total=broadcaster.running(limit=0).total)
