"""One broadcast: what is happening to whom, and why; and what may be done about it."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from host_litestar.dashboard.controller import PageController, act, page
from host_litestar.dashboard.forms import read_digits
from host_litestar.dashboard.notices import Notice
from host_litestar.dashboard.progress import Shown, left_of, source_facts, state_of_message
from host_litestar.dashboard.view import FRAGMENT, Page, View, ViewDep
from host_litestar.routes.parameters import JobId
from host_litestar.threads import UNDOS
from wabroadcast_core.errors import NotFoundError
from wabroadcast_core.models.base import parse_model
from wabroadcast_core.models.broadcast import BatchView, BroadcastPatch, BroadcastProgress
from wabroadcast_core.models.inspection import PeopleFilter
from wabroadcast_core.models.status import BroadcastStatus, MessageStatus

LIST: Final = "/ui/broadcasts"
PARTS: Final = frozenset({"headline", "acts", "pace", "numbers", "failures", "chart", "now"})
FILTERS: Final = {"status": "status", "reason": "reason", "receipt": "receipt", "query": "q"}
PEOPLE: Final = "people"  # the part with the table, for which a page of people is read
BATCHES: Final = 50  # of a page
QUESTION: Final = "question"


class BroadcastPages(PageController):
    """Routes under ``/ui/broadcasts/{jobId}``."""

    path = f"{LIST}/{{jobId:str}}"

    # --- pages -------------------------------------------------------------------------------------------------

    @page("/")
    def show(self, view: ViewDep, job_id: JobId) -> Page:
        """Show a broadcast, or the part of its page that a script asks for."""
        part = view.query(FRAGMENT)
        chosen = _people_filter(view)
        limit = 1 if part in PARTS else 50
        cursor = None if part in PARTS else view.query("cursor") or None
        found = view.broadcaster.inspect(job_id, chosen, cursor=cursor, limit=limit, language=view.choices.language)
        shown = Shown(view, found, chosen)
        if part in PARTS:
            return view.fragment(f"broadcast_{part}.html", shown=shown)
        context: dict[str, Any] = {
            "shown": shown,
            "people": found.people,
            "chosen": chosen,
            "next_page": _next_page(view, job_id, chosen, found.people.next_cursor),
            "state_of_message": state_of_message,
        }
        if part == PEOPLE:
            return view.fragment("broadcast_people.html", **context)
        return view.page("broadcast.html", source=source_facts(view, found.detail.source), **context)

    @page("/batches")
    def show_batches(self, view: ViewDep, job_id: JobId) -> Page:
        """Show the batches of a broadcast."""
        batches = view.broadcaster.batches(job_id, page=view.page_number(), page_size=BATCHES)
        return view.page("broadcast_batches.html", broadcast=view.broadcaster.get(job_id), batches=batches)

    @page("/cancel")
    def ask_to_cancel(self, view: ViewDep, job_id: JobId) -> Page:
        """Ask whether the rest of a broadcast, or one of its batches, is to be cancelled: how many have it."""
        batch = _batch_number(view.query("batch"))
        progress = view.broadcaster.status(job_id)
        sent, left, unknown = _amounts(progress) if batch is None else _amounts_of_batch(view, job_id, batch)
        text = view.t("progress.cancel.text", sent=sent, left=left)
        return _ask(
            view, job_id, "cancel", progress, text=text, n=left, unknown=unknown, fields=_fields(batch), batch=batch
        )

    @page("/resend")
    def ask_to_resend(self, view: ViewDep, job_id: JobId) -> Page:
        """Ask whether messages with an unknown outcome are to be sent again: some people may get them twice."""
        progress = view.broadcaster.status(job_id)
        number = progress.counts.unknown
        text = view.t("progress.resend.text", n=number)
        return _ask(view, job_id, "resend", progress, text=text, n=number)

    # --- acts --------------------------------------------------------------------------------------------------

    @act("/pause")
    def pause(self, view: ViewDep, job_id: JobId) -> Page:
        """Pause the broadcast, or one batch."""
        batch = _batch_number(view.form.text("batch"))
        view.broadcaster.pause(job_id, batch=batch, actor=view.actor)
        counts = view.broadcaster.status(job_id).counts
        left = counts.sent + counts.unknown + counts.processing
        return _done(view, job_id, Notice("progress.paused", {"n": left}))

    @act("/resume")
    def resume(self, view: ViewDep, job_id: JobId) -> Page:
        """Resume the broadcast, or one batch."""
        view.broadcaster.resume(job_id, batch=_batch_number(view.form.text("batch")), actor=view.actor)
        return _done(view, job_id, Notice("progress.resumed"))

    @act("/cancel")
    def cancel(self, view: ViewDep, job_id: JobId) -> Page:
        """Cancel the rest of the broadcast, or one batch."""
        summary = view.broadcaster.cancel(job_id, batch=_batch_number(view.form.text("batch")), actor=view.actor)
        return _done(view, job_id, Notice("progress.cancelled", {"n": summary.counts.sent}))

    @act("/retry")
    def retry(self, view: ViewDep, job_id: JobId) -> Page:
        """Send failed messages again: all, or those with one reason."""
        code = view.form.text("code") or None
        before = view.broadcaster.status(job_id).counts.failed
        after = view.broadcaster.retry(job_id, code=code, actor=view.actor).counts.failed
        return _retried(view, job_id, before - after)

    @act("/resend")
    def resend(self, view: ViewDep, job_id: JobId) -> Page:
        """Send messages with an unknown outcome again."""
        before = view.broadcaster.status(job_id).counts.unknown
        summary = view.broadcaster.retry(job_id, status=MessageStatus.UNKNOWN, actor=view.actor)
        return _retried(view, job_id, before - summary.counts.unknown)

    @act("/undo", threads=UNDOS)
    def undo(self, view: ViewDep, job_id: JobId) -> Page:
        """Turn the broadcast into a draft again, or pause it if messages have left."""
        result = view.broadcaster.undo(job_id, actor=view.actor)
        if result.undone:
            return view.redirect(view.link("/ui/drafts", result.draft_id), Notice("progress.undone"))
        is_paused = result.broadcast.status is BroadcastStatus.PAUSED
        said = Notice("progress.too_late" if is_paused else "progress.too_late.all", {"n": result.left}, "warn")
        return _done(view, job_id, said)

    @act("/start")
    def start_now(self, view: ViewDep, job_id: JobId) -> Page:
        """Start a scheduled broadcast, or one that is held back, at once."""
        patch = BroadcastPatch(scheduled_at=datetime.now(UTC))
        view.broadcaster.reschedule(job_id, patch, actor=view.actor)
        return _done(view, job_id, Notice("progress.started"))

    @act("/copy")
    def copy(self, view: ViewDep, job_id: JobId) -> Page:
        """Copy the broadcast into a draft."""
        draft = view.broadcaster.drafts.copy(job_id, actor=view.actor)
        return view.redirect(view.link("/ui/drafts", draft.draft_id), Notice("progress.copied"))


def ask(view: View, template: str, **context: Any) -> Page:
    """Return a question, as a page or as what a script puts into a dialog."""
    if view.query(FRAGMENT) == QUESTION:
        return view.fragment(template, **context, in_dialog=True)
    return view.page("question_page.html", question=template, in_dialog=False, **context)


def _ask(view: View, job_id: str, name: str, progress: BroadcastProgress, **context: Any) -> Page:
    back, action = view.link(LIST, job_id), view.link(LIST, job_id, name)
    context = {"unknown": 0, "fields": {}, "batch": None, **context}
    return ask(view, "question.html", name=name, action=action, back=back, progress=progress, **context)


def _amounts(progress: BroadcastProgress) -> tuple[int, int, int]:
    return progress.counts.sent, left_of(progress.counts), progress.counts.unknown


def _amounts_of_batch(view: View, job_id: str, number: int) -> tuple[int, int, int]:
    page_of = view.broadcaster.batches(job_id, page=number // BATCHES + 1, page_size=BATCHES)
    batch = next((one for one in page_of.items if one.batch == number), None)
    if batch is None:
        raise NotFoundError("batch", str(number))
    return batch.counts.get("sent", 0), _left_of_batch(batch), batch.counts.get("unknown", 0)


def _left_of_batch(batch: BatchView) -> int:
    return sum(batch.counts.get(status, 0) for status in ("queued", "processing", "retry", "paused"))


def _batch_number(text: str) -> int | None:
    return read_digits(text, most=9)


def _fields(batch: int | None) -> Mapping[str, str]:
    return {} if batch is None else {"batch": str(batch)}


def _people_filter(view: View) -> PeopleFilter:
    """Return which people the address names.

    :raises InvalidInputError: a status or a receipt does not exist.
    """
    return parse_model(PeopleFilter, {name: view.query(short)[:200] or None for name, short in FILTERS.items()})


def _next_page(view: View, job_id: str, chosen: PeopleFilter, cursor: str | None) -> str:
    if cursor is None:
        return ""
    query = {short: getattr(chosen, name) for name, short in FILTERS.items()}
    return f"{view.link(LIST, job_id, cursor=cursor, **query)}#people"


def _done(view: View, job_id: str, notice: Notice) -> Page:
    return view.redirect(view.back(f"{LIST}/{job_id}"), notice)


def _retried(view: View, job_id: str, number: int) -> Page:
    notice = Notice("progress.retried", {"n": number}) if number > 0 else Notice("progress.none_retried", tone="warn")
    return _done(view, job_id, notice)
