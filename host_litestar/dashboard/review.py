"""The last look at a draft as it is stored, and the acts with which it leaves: send, test, rehearse."""

import hashlib
from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import quote, unquote

from litestar.datastructures import Cookie

from host_litestar.dashboard.causes import say_cause, say_reason
from host_litestar.dashboard.choices import YEAR_SECONDS
from host_litestar.dashboard.compose import DRAFT
from host_litestar.dashboard.compose_page import left_out
from host_litestar.dashboard.controller import PageController, act, page
from host_litestar.dashboard.forms import read_digits
from host_litestar.dashboard.notices import Notice
from host_litestar.dashboard.review_checks import MANY, Reviewed, must_type, read_moment, run_checks, undo_seconds
from host_litestar.dashboard.view import FRAGMENT, Page, View, ViewDep
from host_litestar.routes.drafts import DraftId
from host_litestar.threads import LOOKS, SUBMITS
from wabroadcast_core.errors import Fault, InvalidInputError, NotFoundError, TemplateError, VersionConflictError
from wabroadcast_core.models.draft import DraftView
from wabroadcast_core.models.message_detail import MessageDetail
from wabroadcast_core.models.preview import PlacedPreview
from wabroadcast_core.models.status import OPEN_MESSAGES
from wabroadcast_core.sentences import sentence_of
from wabroadcast_plugins.senders.sandbox import TEST_NUMBERS, TEST_PREFIX

NUMBER_COOKIE: Final = "wabroadcast_test_number"
LONGEST_NUMBER: Final = 64
LOOK_SECONDS: Final = 20.0
MOST_CONNECTIONS: Final = 10  # of a pool, that are checked


class ReviewPages(PageController):
    """Routes under ``/ui/drafts/{draft_id}`` that send."""

    path = "/ui/drafts/{draftId:str}"

    @page("/review", threads=LOOKS)
    def show(self, view: ViewDep, draft_id: DraftId) -> Page:
        """Show the draft as it is stored, with what is checked; or to a script, only what became of a test."""
        if view.query(FRAGMENT) and (test := _test(view)) is not None:
            return view.fragment("review_test.html", **_test_values(view, draft_id, test))
        return _review(view, draft_id)

    @act("/send", threads=SUBMITS)
    def send(self, view: ViewDep, draft_id: DraftId) -> Page:
        """Submit the version that was reviewed. A second press leads to the same broadcast."""
        people, is_complete = _digits(view.form.text("people")), view.form.text("complete") == "yes"
        if faults := list(_unconfirmed(view, draft_id, people, is_complete=is_complete)):
            return _review(view, draft_id, status=400, faults=faults)
        hold = undo_seconds(view.broadcaster.settings.undo_seconds, people, is_complete=is_complete)
        try:
            sent = view.broadcaster.drafts.submit(
                draft_id,
                versions={_digits(view.form.text("version"))},
                hold_seconds=hold or None,
                actor=view.actor,
            )
        except VersionConflictError:
            address = view.link(DRAFT, draft_id, "review")
            return view.redirect(address, Notice("review.changed", tone="warn"))
        except (InvalidInputError, TemplateError) as error:
            return _review(view, draft_id, status=400, faults=_faults_of(error))
        return view.redirect(view.link("/ui/broadcasts", sent.job_id))

    @act("/test", threads=SUBMITS)
    def send_test(self, view: ViewDep, draft_id: DraftId) -> Page:
        """Send the message to the person's own number, as another person would get it."""
        number, person = view.form.text("number")[:LONGEST_NUMBER], view.form.text("asNumber")[:LONGEST_NUMBER]
        draft = view.broadcaster.drafts.get(draft_id)
        fields, recipients = _body_of(draft)
        test = {"number": number, **({"asNumber": person} if person else {})}
        try:
            sent = view.broadcaster.send_test(
                fields, recipients, test=test, idempotency_key=_key(view, draft, number, person), actor=view.actor
            )
        except (InvalidInputError, TemplateError) as error:
            return _review(view, draft_id, status=400, faults=_faults_of(error))
        kept = Cookie(
            NUMBER_COOKIE, value=quote(number, safe=""), path="/", max_age=YEAR_SECONDS, samesite="lax", httponly=True
        )
        address = view.link(DRAFT, draft_id, "review", test=sent.job_id)
        return view.redirect(f"{address}#test", cookies=[kept])

    @act("/rehearse", threads=SUBMITS)
    def rehearse(self, view: ViewDep, draft_id: DraftId) -> Page:
        """Send the broadcast to a simulated provider, and show it there."""
        draft = view.broadcaster.drafts.get(draft_id)
        fields, recipients = _body_of(draft)
        try:
            made = view.broadcaster.rehearse(fields, recipients, idempotency_key=_key(view, draft), actor=view.actor)
        except (InvalidInputError, TemplateError) as error:
            return _review(view, draft_id, status=400, faults=_faults_of(error))
        return view.redirect(view.link("/ui/broadcasts", made.job_id), Notice("review.rehearsing"))


# --- the page ----------------------------------------------------------------------------------------------------


def _review(view: View, draft_id: str, *, status: int = 200, faults: Sequence[Fault] = ()) -> Page:
    draft = view.broadcaster.drafts.get(draft_id)
    if draft.job_id is not None:
        return view.page("compose_submitted.html", draft=draft)
    found = _look(view, draft)
    checks = run_checks(view, found)
    people = found.people
    examples = [] if people is None or not found.preview.has_message else _examples(found)
    return view.page(
        "review.html",
        status=status,
        faults=faults,
        draft=draft,
        found=found,
        checks=checks,
        may_send=bool(people) and all(check.tone != "danger" for check in checks),
        left_out=left_out(view, people),
        examples=examples,
        as_options=[
            (one.number, view.t("review.as", kind=view.t(f"review.kind.{kind}"), name=one.name or one.number))
            for kind, one in examples
        ],
        starts=read_moment(draft.broadcast.scheduled_at),
        hold=undo_seconds(view.broadcaster.settings.undo_seconds, found.sendable, is_complete=found.is_complete),
        number=view.form.text("number") or unquote(view.request.cookies.get(NUMBER_COOKIE, "")[:200]),
        endings=[(f"{TEST_PREFIX}{digits}", _ending(view, digits)) for digits in TEST_NUMBERS],
        **_test_values(view, draft_id, _test(view)),
    )


def _look(view: View, draft: DraftView) -> Reviewed:
    preview = view.broadcaster.drafts.preview(draft, seconds=LOOK_SECONDS)
    names = [] if preview.people is None else [limit.connection for limit in preview.people.limits]
    pool = [view.broadcaster.connections.get(name) for name in names[:MOST_CONNECTIONS]]
    return Reviewed(draft, preview, view.broadcaster.drafts.precedents(draft.draft_id), pool)


def _examples(found: Reviewed) -> list[tuple[str, PlacedPreview]]:
    """Return the first, the longest and the shortest message, each once."""
    shown: dict[int, tuple[str, PlacedPreview]] = {}
    for kind in ("chosen", "longest", "shortest"):
        one: PlacedPreview | None = getattr(found.people, kind)
        if one is not None:
            shown.setdefault(one.place, (kind, one))
    return list(shown.values())


def _ending(view: View, digits: str) -> str:
    key = f"review.ending.{digits}"
    return view.t(key) if key in view.t else TEST_NUMBERS[digits]


# --- the acts ----------------------------------------------------------------------------------------------------


def _unconfirmed(view: View, draft_id: str, people: int, *, is_complete: bool) -> list[Fault]:
    """Return what a person must still confirm before so many get the message."""
    faults: list[Fault] = []
    if (people >= MANY or not is_complete) and not view.form.has("read"):
        faults.append(view.fault("read", "review.tick_missing"))
    largest = view.broadcaster.drafts.precedents(draft_id).largest
    typed = "".join(filter(str.isdigit, view.form.text("typed")))
    if must_type(people, largest=largest) and typed != str(people):
        faults.append(view.fault("typed", "review.type_missing", n=people))
    return faults


def _digits(text: str) -> int:
    """Return a number of a form; -1 for what is none, which no draft has as its version."""
    given = read_digits(text)
    return -1 if given is None else given


def _body_of(draft: DraftView) -> tuple[dict[str, Any], list[Any] | None]:
    """Return the fields of a draft as a submit takes them, and its inline recipients."""
    fields = draft.broadcast.model_dump(mode="json", exclude_none=True)
    return fields, fields.pop("recipients", None)


def _key(view: View, draft: DraftView, *parts: str) -> str:
    """Return an idempotency key: that of the page, for this version of the draft."""
    text = "\n".join([view.form.text("once"), draft.draft_id, str(draft.version), *parts])
    return hashlib.sha256(text.encode()).hexdigest()


def _faults_of(error: InvalidInputError | TemplateError) -> Sequence[Fault]:
    return error.faults if isinstance(error, InvalidInputError) else [Fault("message", sentence_of(error))]


def _test(view: View) -> MessageDetail | None:
    test_id = view.query("test")
    if not test_id:
        return None
    try:
        return view.broadcaster.test_result(test_id, language=view.choices.language)
    except NotFoundError:
        return None


def _test_values(view: View, draft_id: str, test: MessageDetail | None) -> dict[str, Any]:
    """Return what the template of a test's result needs."""
    if test is None:
        return {"test": None}
    reason = say_reason(view, test.reason) if test.reason else ""
    return {
        "test": test,
        "reason": reason,
        "cause": say_cause(view, test.waiting_for),
        "is_open": test.status in OPEN_MESSAGES,
        "draft_id": draft_id,
    }
