"""The state of the installation: what the doctor finds, the versions, and the plugins."""

import platform
from importlib.metadata import version

from host_litestar.dashboard.controller import PageController, act, page
from host_litestar.dashboard.view import Page, View, ViewDep
from host_litestar.doctor.examination import examine_running
from host_litestar.doctor.findings import Level
from host_litestar.threads import TESTS
from wabroadcast_core.models.api_key import Scope

LEVELS = (Level.FAULT, Level.WARNING, Level.OK)  # the worst first


class SystemPages(PageController):
    """Routes under ``/ui/settings/system``."""

    path = "/ui/settings/system"

    @page("")
    def show(self, view: ViewDep) -> Page:
        """Show what can be examined quickly."""
        return _show(view, thorough=False)

    @act("", scope=Scope.OPERATE, threads=TESTS)
    def examine(self, view: ViewDep) -> Page:
        """Examine everything and show it. There is no redirect: the findings are not kept, and again is no harm."""
        return _show(view, thorough=True)


def _show(view: View, *, thorough: bool) -> Page:
    findings = sorted(
        examine_running(view.broadcaster, thorough=thorough), key=lambda finding: LEVELS.index(finding.level)
    )
    return view.page(
        "system.html",
        findings=[(_part_name(view, finding.part), finding) for finding in findings],
        worst=findings[0].level if findings else Level.OK,
        thorough=thorough,
        plugins=view.broadcaster.plugins.facts(),
        versions=[("wabroadcast", version("wabroadcast")), ("Python", platform.python_version())],
        at=view.broadcaster.context.clock.now(),
    )


def _part_name(view: View, part: str) -> str:
    """Return the name of a part of the installation; of one connection, with the name of that."""
    kind, _, name = part.partition(" ")
    key = f"system.part.{kind}"
    return view.t(key, name=name) if key in view.t else part
