"""What is checked before a broadcast is sent: each check is well, a warning with which it may go on, or forbids it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from host_litestar.dashboard.causes import say_cause, say_reason
from host_litestar.dashboard.compose_page import unofficial
from host_litestar.dashboard.field_names import name_field
from host_litestar.dashboard.view import View
from wabroadcast_core.clock import SystemClock
from wabroadcast_core.models.connection import ConnectionView
from wabroadcast_core.models.draft import DraftView
from wabroadcast_core.models.draft_preview import DraftPreview, Precedents
from wabroadcast_core.models.preview import PeoplePreview
from wabroadcast_core.models.status import ConnectionState

Tone = Literal["ok", "warn", "danger"]
MANY: Final = 1_000  # people from which the example must have been read
VERY_MANY: Final = 10_000  # people from which their number must be typed
TIMES_THE_LARGEST: Final = 5  # or so many times those of the largest broadcast so far
UNDO_SECONDS: Final = 10
UNDO_SECONDS_OF_MANY: Final = 30
PROMPT_SECONDS: Final = 60.0  # a start within this time is no wait


@dataclass(frozen=True, slots=True)
class Check:
    """The result of one check, and where what it says can be seen or mended."""

    tone: Tone
    text: str
    address: str = ""


@dataclass(frozen=True, slots=True)
class Reviewed:
    """A draft with all that is known before it is sent."""

    draft: DraftView
    preview: DraftPreview
    precedents: Precedents
    connections: Sequence[ConnectionView]

    @property
    def people(self) -> PeoplePreview | None:
        """The people of the draft; None if they cannot be read."""
        return self.preview.people

    @property
    def sendable(self) -> int:
        """How many people get a message, as far as the audience was read."""
        return self.preview.sendable

    @property
    def is_complete(self) -> bool:
        """Whether the whole audience was read."""
        return self.people is not None and self.people.complete

    @property
    def needs_tick(self) -> bool:
        """Whether the example must have been read."""
        return self.sendable >= MANY or not self.is_complete

    @property
    def needs_number(self) -> bool:
        """Whether the number of people must be typed."""
        return must_type(self.sendable, largest=self.precedents.largest)


def must_type(people: int, *, largest: int) -> bool:
    """Return whether the number of people must be typed before a send.

    :param largest: the people of the largest broadcast so far; 0: there is none.
    """
    return people >= VERY_MANY or 0 < TIMES_THE_LARGEST * largest <= people


def undo_seconds(setting: int | None, people: int, *, is_complete: bool) -> int:
    """Return for how long a broadcast can be undone.

    :param setting: of the installation; None: it depends on the number of people.
    """
    if setting is not None:
        return setting
    return UNDO_SECONDS if people < MANY and is_complete else UNDO_SECONDS_OF_MANY


def run_checks(view: View, found: Reviewed) -> list[Check]:
    """Return the checks of a draft, those that forbid the send first."""
    checks = list(_faults(view, found))
    if found.people is not None:
        checks += _of_people(view, found.people, found)
        checks += _of_connections(view, found)
        checks += _of_time(view, found.people, found)
        checks += _of_precedents(view, found)
    order = ("danger", "warn", "ok")
    return sorted(checks, key=lambda check: order.index(check.tone))


def _faults(view: View, found: Reviewed) -> Iterator[Check]:
    page = view.link("/ui/drafts", found.draft.draft_id)
    if found.preview.unreadable:
        yield Check("danger", view.t("review.check.unreadable", reason=view.say(found.preview.unreadable)), page)
    for path, message in sorted({(fault.path, fault.message) for fault in found.preview.faults}):
        if path.partition(".")[0] == "source" and found.preview.unreadable:
            continue
        field = name_field(view.t, path)
        yield Check("danger", view.t("review.check.fault", field=field, reason=view.say(message)), page)


def _of_people(view: View, people: PeoplePreview, found: Reviewed) -> Iterator[Check]:
    page = view.link("/ui/drafts", found.draft.draft_id, "people")
    if not people.sendable and people.complete:
        yield Check("danger", view.t("review.check.nobody"), page)
    if not people.complete:
        yield Check("warn", view.t("compose.incomplete", n=people.total))
    for reason in ("missing_variable", "bad_text", "no_consent"):
        if amount := people.skipped_by.get(reason, 0):
            left = view.t(f"compose.left_out.{reason}", n=amount)
            yield Check("warn", view.t("review.check.left_out", reason=left), f"{page}?reason={reason}")
    if not people.missing_variables and found.preview.has_message:
        yield Check("ok", view.t("review.check.values"))
    yield Check("ok", view.t("review.check.opt_outs", n=people.skipped_by.get("blacklisted", 0)))
    message = found.draft.broadcast.message or {}
    if message.get("media") and found.preview.has_message:
        yield Check("ok", view.t("review.check.media"))
    for note in people.notes:
        yield Check("warn", view.say(note))


def _of_connections(view: View, found: Reviewed) -> Iterator[Check]:
    senders, risky = view.broadcaster.plugins.senders, unofficial(view, found.connections)
    for one in found.connections:
        page = view.link("/ui/connections", one.name)
        if one.state == ConnectionState.ACTIVE:
            yield _of_active(view, one, page)
        else:
            cause = say_cause(view, one.waiting_for) or say_reason(view, one.state_reason)
            yield Check("warn", view.t("review.check.paused", name=one.name, reason=cause), page)
        if one.problem:
            yield Check("warn", view.t("review.check.problem", name=one.name, reason=view.say(one.problem)), page)
        if one.sender in senders and senders[one.sender].capabilities.simulated:
            yield Check("warn", view.t("review.check.simulated", name=one.name))
        if one.name in risky:
            yield Check("warn", view.t("compose.unofficial"), page)


def _of_active(view: View, one: ConnectionView, page: str) -> Check:
    """Check an active connection by its last test, which says more than that no one has paused it."""
    test, since = one.last_test, view.fmt.moment(one.state_since)
    if test is None or test.state == "unknown":
        return Check("ok", view.t("review.check.up", name=one.name, time=since), page)
    tested = view.fmt.moment(test.at)
    if test.state == "up":
        return Check("ok", view.t("review.check.up_tested", name=one.name, time=since, tested=tested), page)
    if test.at < one.state_since:  # it was resumed after that
        return Check("ok", view.t("review.check.up", name=one.name, time=since), page)
    return Check(
        "warn", view.t("review.check.test_down", name=one.name, tested=tested, reason=view.words.of(test.reason)), page
    )


def _of_time(view: View, people: PeoplePreview, found: Reviewed) -> Iterator[Check]:
    left = _left_today(found.connections)
    if left is not None and people.sendable > left:
        end = view.t("review.unknown") if people.finishes_at is None else view.fmt.moment(people.finishes_at)
        yield Check("warn", view.t("review.check.quota", n=left, time=end))
    elif left is not None:
        yield Check("ok", view.t("review.check.quota_enough", n=left))
    if people.starts_at is None:
        yield Check("warn", view.t("review.check.no_start"))
        return
    planned = max(SystemClock().now(), _scheduled(found.draft))
    if people.starts_at.timestamp() > planned + PROMPT_SECONDS:
        yield Check("warn", view.t("review.check.hours_later", time=view.fmt.moment(people.starts_at)))
    else:
        yield Check("ok", view.t("review.check.hours"))


def _of_precedents(view: View, found: Reviewed) -> Iterator[Check]:
    alike, largest = found.precedents.alike, found.precedents.largest
    if alike is None:
        yield Check("ok", view.t("review.check.no_alike"))
    else:
        text = view.t("review.check.alike", name=alike.name, time=view.fmt.moment(alike.created_at))
        yield Check("warn", text, view.link("/ui/broadcasts", alike.job_id))
    if largest and found.sendable >= TIMES_THE_LARGEST * largest:
        yield Check("warn", view.t("review.check.large", n=largest))


def _left_today(connections: Sequence[ConnectionView]) -> int | None:
    """Return how many messages quotas and warm-ups leave now; None if a connection has neither."""
    total = 0
    for one in connections:
        left = [quota.limit - quota.used for quota in one.use.quotas]
        if one.use.warm_up is not None:
            left.append(one.use.warm_up.limit - one.use.warm_up.used)
        if not left:
            return None
        total += max(0, min(left))
    return total if connections else None


def _scheduled(draft: DraftView) -> float:
    """Return when a draft is to start (UNIX seconds, UTC); 0: at once, or it is not understood."""
    moment = read_moment(draft.broadcast.scheduled_at)
    return 0.0 if moment is None else moment.timestamp()


def read_moment(text: str | None) -> datetime | None:
    """Return the start that a draft has; None for one that starts at once, or is not understood."""
    try:
        found = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return found if found.tzinfo is not None else None
