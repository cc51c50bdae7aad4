"""The activity: who did what, on what, when, and from where."""

import re
from datetime import datetime
from functools import partial
from typing import Any

from host_litestar.auth import ACTOR_WITHOUT_KEY
from host_litestar.dashboard.controller import PageController, page
from host_litestar.dashboard.opt_out_words import say_opt_out
from host_litestar.dashboard.view import Page, View, ViewDep
from wabroadcast_core.errors import InvalidInputError
from wabroadcast_core.models.activity import Activity, ActObject
from wabroadcast_core.models.api_key import LOCAL_ACTOR

PATH = "/ui/activity"
PAGE_SIZE = 50
_ORIGINS = {LOCAL_ACTOR: "cli", ACTOR_WITHOUT_KEY: "local", "engine": "engine", "inbound": "inbound"}
_DIGEST = re.compile("[0-9a-f]{6}")  # the actor of a key of the settings
_PAGES = {
    ActObject.BROADCAST: "/ui/broadcasts",
    ActObject.DRAFT: "/ui/drafts",
    ActObject.CONNECTION: "/ui/connections",
}


class ActivityPages(PageController):
    """Routes ``/ui/activity``."""

    path = PATH

    @page("")
    def show(self, view: ViewDep) -> Page:
        """Show the acts, newest first."""
        asked = {name: view.query(name) for name in ("actor", "object", "objectId", "since", "until")}
        try:
            chosen = _filter(view, asked)
            acts = view.broadcaster.activity.list(**chosen, cursor=view.query("cursor") or None, limit=PAGE_SIZE)
        except InvalidInputError as error:
            return view.page(
                "activity.html", acts=None, asked=asked, kinds=_kinds(view), status=400, faults=error.faults
            )
        times = {name: at.isoformat() for name in ("since", "until") if (at := chosen[name]) is not None}
        return view.page(
            "activity.html",
            acts=acts,
            rows=[(act, say_act(view, act), origin_of(act.actor), _page_of(view, act)) for act in acts.items],
            asked=asked,
            kinds=_kinds(view),
            opt_out=partial(say_opt_out, view),
            export=view.link("/activity/export", **{**asked, "since": None, "until": None, **times}),
        )


def say_act(view: View, act: Activity) -> str:
    """Return what was done, in words; of an act without a text, its code."""
    key = f"activity.act.{act.action}"
    return view.t(key) if key in view.t else act.action


def origin_of(actor: str) -> str:
    """Return from where an act came, by its actor: the end of the key of a text."""
    return _ORIGINS.get(actor) or ("environment" if _DIGEST.fullmatch(actor) else "key")


def _page_of(view: View, act: Activity) -> str:
    """Return the address of the page of an act's object; an empty text if it has none."""
    path = _PAGES.get(act.object)
    is_gone = act.action == "delete" or act.object_id is None
    return "" if path is None or is_gone else view.link(path, act.object_id)


def _kinds(view: View) -> list[tuple[str, str]]:
    return [("", view.t("activity.all")), *((kind.value, view.t(f"activity.object.{kind}")) for kind in ActObject)]


def _filter(view: View, asked: dict[str, str]) -> dict[str, Any]:
    """Return the filter of the core.

    :raises InvalidInputError: a time cannot be read.
    """
    return {
        "actor": asked["actor"] or None,
        "object": asked["object"] or None,
        "object_id": asked["objectId"] or None,
        "since": _moment(view, "since", asked["since"]),
        "until": _moment(view, "until", asked["until"]),
    }


def _moment(view: View, name: str, text: str) -> datetime | None:
    """Return a time of a form, which is in the time zone of the person."""
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidInputError([view.fault(name, "activity.no_time")]) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=view.fmt.zone)
