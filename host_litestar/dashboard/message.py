"""One message: what this person got, when, what the provider said of it, and what may be done about it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from host_litestar.dashboard.broadcast import LIST, ask
from host_litestar.dashboard.causes import say_cause
from host_litestar.dashboard.controller import PageController, act, page
from host_litestar.dashboard.notices import Notice
from host_litestar.dashboard.progress import state_of_message
from host_litestar.dashboard.view import Page, View, ViewDep
from host_litestar.routes.parameters import JobId, MessageId
from wabroadcast_core.models.message import MessageView
from wabroadcast_core.models.message_detail import MessageDetail
from wabroadcast_core.models.status import AttemptOutcome, MessageStatus

PEOPLE: Final = "people"
_PAUSABLE: Final = frozenset({MessageStatus.QUEUED, MessageStatus.RETRY})
_STATE_OF_OUTCOME: Final = {
    AttemptOutcome.ACCEPTED: "sent",
    AttemptOutcome.RETRY: "retry",
    AttemptOutcome.FAILED: "failed",
    AttemptOutcome.UNKNOWN: "unknown",
}


@dataclass(frozen=True, slots=True)
class Step:
    """One state that a message had, and since when."""

    state: str
    at: datetime


class MessagePages(PageController):
    """Routes under ``/ui/broadcasts/{jobId}/people/{messageId}``."""

    path = f"{LIST}/{{jobId:str}}/{PEOPLE}/{{messageId:str}}"

    @page("/")
    def show(self, view: ViewDep, job_id: JobId, message_id: MessageId) -> Page:
        """Show a message."""
        found = view.broadcaster.message(job_id, message_id, language=view.choices.language)
        return view.page(
            "message.html",
            message=found,
            state=state_of_message(found),
            cause=say_cause(view, found.waiting_for),
            steps=steps_of(found),
            support=support_text(found),
            may_pause=found.status in _PAUSABLE,
            may_resume=found.status is MessageStatus.PAUSED,
            may_cancel=found.status in _PAUSABLE | {MessageStatus.PAUSED},
        )

    @page("/cancel")
    def ask_to_cancel(self, view: ViewDep, job_id: JobId, message_id: MessageId) -> Page:
        """Ask whether a message is to be cancelled."""
        found = view.broadcaster.message(job_id, message_id)
        back = view.link(LIST, job_id, PEOPLE, message_id)
        text = view.t("message.cancel.text", number=found.number)
        return ask(
            view,
            "question.html",
            name="cancel_one",
            action=view.link(LIST, job_id, PEOPLE, message_id, "cancel"),
            back=back,
            text=text,
            n=1,
            unknown=0,
            fields={},
            batch=None,
        )

    @act("/pause")
    def pause(self, view: ViewDep, job_id: JobId, message_id: MessageId) -> Page:
        """Pause a message."""
        return _control(view, view.broadcaster.pause_message, job_id, message_id, "message.paused")

    @act("/resume")
    def resume(self, view: ViewDep, job_id: JobId, message_id: MessageId) -> Page:
        """Resume a message."""
        return _control(view, view.broadcaster.resume_message, job_id, message_id, "message.resumed")

    @act("/cancel")
    def cancel(self, view: ViewDep, job_id: JobId, message_id: MessageId) -> Page:
        """Cancel a message."""
        return _control(view, view.broadcaster.cancel_message, job_id, message_id, "message.cancelled")


def _control(view: View, call: Callable[..., MessageView], job_id: str, message_id: str, said: str) -> Page:
    call(job_id, message_id, actor=view.actor)
    return view.redirect(view.back(f"{LIST}/{job_id}/{PEOPLE}/{message_id}"), Notice(said))


def steps_of(message: MessageDetail) -> list[Step]:
    """Return the states that a message had, oldest first, each with its time."""
    steps = [Step(_STATE_OF_OUTCOME.get(one.outcome, "failed"), one.last_at or one.at) for one in message.attempt_log]
    steps += [Step(receipt.kind, receipt.at) for receipt in message.receipts]
    return sorted(steps, key=lambda step: step.at)


def support_text(message: MessageDetail) -> str:
    """Return all that a support needs to know of a message, as lines of a text."""
    lines = [
        ("message", message.message_id),
        ("broadcast", message.job_id),
        ("number", message.number),
        ("status", message.status.value),
        ("reason", message.reason),
        ("detail", message.detail),
        ("provider id", message.provider_id),
        ("connection", message.connection),
        ("sent", _utc(message.sent_at)),
        ("delivered", _utc(message.delivered_at)),
        ("read", _utc(message.read_at)),
        *(
            (f"attempt {one.attempt}", f"{_utc(one.at)} {one.outcome} {one.reason or ''} {one.detail or ''}".rstrip())
            for one in message.attempt_log
        ),
        *(("receipt", f"{_utc(one.at)} {one.kind} {one.reason or ''}".rstrip()) for one in message.receipts),
    ]
    return "\n".join(f"{name}: {value}" for name, value in lines if value)


def _utc(at: datetime | None) -> str:
    return "" if at is None else at.isoformat(timespec="seconds")
