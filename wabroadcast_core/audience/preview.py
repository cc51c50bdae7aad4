"""Preview of a broadcast: its audience is read and classified as a preparation does it; nothing is stored or sent."""

import contextlib
import json
import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import Any

from wabroadcast_core.audience.capabilities import SenderCapabilities, find_capabilities
from wabroadcast_core.audience.inline_recipients import AnyRecipient, inline_rows
from wabroadcast_core.audience.previewed_people import PeopleCollector, PlacedMessage, describe_columns
from wabroadcast_core.audience.row_classifier import ClassifiedRows, RowClassifier
from wabroadcast_core.audience.seen_numbers import SeenNumbers, open_seen_numbers
from wabroadcast_core.audience.sources import ReadingEnd, empty_reason, notes_on, open_source, read_source, region_of
from wabroadcast_core.audience.submission import Submission
from wabroadcast_core.context import Context
from wabroadcast_core.errors import UncheckedError
from wabroadcast_core.hookspecs import ContactSource
from wabroadcast_core.models.base import as_timestamp, as_utc, parse_model
from wabroadcast_core.models.broadcast import BroadcastDraft
from wabroadcast_core.models.message import Content
from wabroadcast_core.models.preview import (
    MessageLimits,
    PeoplePreview,
    PlacedPreview,
    Preview,
    PreviewColumn,
    PreviewMessage,
)
from wabroadcast_core.models.recipient import AudienceRow
from wabroadcast_core.models.slug import make_slug
from wabroadcast_core.models.status import SkipReason
from wabroadcast_core.pacing.forecast import Forecast
from wabroadcast_core.rendering.content import compile_content
from wabroadcast_core.rendering.placeholders import check_placeholders
from wabroadcast_core.snapshots import BroadcastSnapshot
from wabroadcast_core.store.new_messages import NewMessage
from wabroadcast_core.waiting.causes import WaitingCauses
from wabroadcast_core.waiting.outlook import start_and_end

log = logging.getLogger(__name__)

SHOWN_MESSAGES = 3
CHECKED_ROWS = 1_000
SLOW_CHUNK = 100  # rows between two looks at the clock, where the content is not plain and each row may take long


@dataclass(slots=True)
class _Counts:
    """The results of the rows read so far."""

    complete: bool = True
    total: int = 0
    sendable: int = 0
    skipped_by: Counter[str] = field(default_factory=Counter)
    missing: Counter[str] = field(default_factory=Counter)
    first: list[NewMessage] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Reading:
    """What was read for a preview, and how."""

    snapshot: BroadcastSnapshot
    source: ContactSource | None
    region: str
    collector: PeopleCollector | None


class PreviewBuilder:
    """Builds previews of broadcasts."""

    def __init__(self, context: Context, submission: Submission) -> None:
        self._context = context
        self._submission = submission

    def build(
        self,
        draft: BroadcastDraft | Mapping[str, Any],
        recipients: Iterable[AnyRecipient] | None,
        *,
        seconds: float,
    ) -> Preview:
        """Return what a submit of this draft would do.

        :param recipients: the inline audience; None if the draft has a ``source``.
        :param seconds: the time for reading the audience; the part of it after this time is not read.
        :raises InvalidInputError: a submit would be refused; all faults are named.
        :raises TemplateError: a submit would be refused because of the text of the message.
        :raises SourceError: its audience cannot be read.
        :raises FileError: its audience file cannot be read.
        :raises UncheckedError: a blacklist plugin failed, or a validator did not return in time.
        """
        return self._build(draft, recipients, seconds=seconds, people=None)[0]

    def build_with_people(
        self,
        draft: BroadcastDraft | Mapping[str, Any],
        recipients: Iterable[AnyRecipient] | None,
        *,
        seconds: float,
        place: int,
        reason: str | None,
    ) -> PeoplePreview:
        """Return what a submit of this draft would do, with some of its people.

        :param recipients: the inline audience; None if the draft has a ``source``.
        :param place: of the person who is chosen, from 1.
        :param reason: of the people who are listed, or ``SENDABLE``; None: no list.
        :raises BroadcastError: as :meth:`build`.
        """

        def collect(used: frozenset[str]) -> PeopleCollector:
            return PeopleCollector(place=place, reason=reason, used=used)

        preview, reading = self._build(draft, recipients, seconds=seconds, people=collect)
        return _with_people(preview, reading)

    def _build(
        self,
        draft: BroadcastDraft | Mapping[str, Any],
        recipients: Iterable[AnyRecipient] | None,
        *,
        seconds: float,
        people: Callable[[frozenset[str]], PeopleCollector] | None,
    ) -> tuple[Preview, "_Reading"]:
        draft = draft if isinstance(draft, BroadcastDraft) else parse_model(BroadcastDraft, draft)
        pool = self._submission.check(draft, has_recipients=recipients is not None)
        draft = draft.model_copy(update={"connection": list(pool)})
        snapshot = BroadcastSnapshot(0, "preview", draft, compile_content(draft.message))
        deadline = time.monotonic() + seconds
        end = ReadingEnd(lambda: time.monotonic() > deadline)
        source = None if recipients is not None else open_source(self._context, draft.source or {}, is_over=end)
        region = region_of(source, default=self._context.settings.default_region)
        collector = None if people is None else people(frozenset(map(make_slug, snapshot.content.variables)))
        senders, _ = find_capabilities(self._context, draft.pool)
        classifier = RowClassifier(
            self._context,
            snapshot,
            list(pool.values()),
            region=region,
            senders=senders,
            on_rendered=None if collector is None else collector.measure,
        )
        with contextlib.ExitStack() as reading:
            if source is None:
                rows = inline_rows(recipients or ())
            else:
                longest = max(seconds, self._context.settings.plugin_seconds)
                reader = read_source(self._context, source, seconds=longest, end=end)
                rows = reading.enter_context(reader).rows()
            rows = _checked(rows, draft.message)
            try:
                found = self._classify_all(
                    classifier, rows, deadline=deadline, is_plain=snapshot.content.is_plain, collector=collector
                )
            except UncheckedError as error:
                log.error("%s: the people of a broadcast cannot be shown until it works", error)  # noqa: TRY400 - it names the plugin and the error
                raise
        found.complete = found.complete and not end.reached
        report = self._report(snapshot, found, senders)
        if source is not None:
            report.notes = notes_on(source) if found.total or not found.complete else [empty_reason(source)]
        return report, _Reading(snapshot, source, region, collector)

    def _classify_all(
        self,
        classifier: RowClassifier,
        rows: Iterator[AudienceRow],
        *,
        deadline: float,
        is_plain: bool,
        collector: PeopleCollector | None,
    ) -> _Counts:
        found = _Counts()
        size = self._context.settings.prepare_chunk if is_plain else SLOW_CHUNK
        with open_seen_numbers() as seen:
            while chunk := list(islice(rows, size)):
                classified = classifier.classify(chunk, first=found.total)
                if collector is not None:
                    known = seen.known(list(classified.sendable)) if found.total else frozenset[str]()
                    collector.add(chunk, classified, known=known)
                _count(found, classified, seen, rows=len(chunk))
                if time.monotonic() > deadline:
                    found.complete = next(rows, None) is None
                    break
        return found

    def _report(self, snapshot: BroadcastSnapshot, found: _Counts, senders: Sequence[SenderCapabilities]) -> Preview:
        now = self._context.clock.now()
        scheduled_at = max(now, as_timestamp(snapshot.draft.scheduled_at) or now)
        expected = self._forecast(snapshot.draft, found.sendable, scheduled_at)
        return Preview(
            complete=found.complete,
            total=found.total,
            sendable=found.sendable,
            skipped=found.total - found.sendable,
            skipped_by=dict(found.skipped_by.most_common()),
            missing_variables=dict(found.missing.most_common()),
            variables=sorted(snapshot.content.variables),
            messages=[_rendered(snapshot, message) for message in found.first],
            limits=_limits(snapshot.draft, senders),
            starts_at=as_utc(expected.starts_at),
            finishes_at=as_utc(expected.ends_at) if found.complete and found.sendable else None,
        )

    def _forecast(self, draft: BroadcastDraft, amount: int, scheduled_at: float) -> Forecast:
        with self._context.database.read() as conn:
            return start_and_end(WaitingCauses(self._context, conn), draft, amount, start=scheduled_at)


def _limits(draft: BroadcastDraft, senders: Sequence[SenderCapabilities]) -> list[MessageLimits]:
    return [
        MessageLimits(
            connection=sender.connection,
            sender=sender.kind,
            text_length=sender.longest_text(draft.message),
            media_bytes=sender.capabilities.media_bytes.get(draft.message.type),
        )
        for sender in senders
    ]


def _checked(rows: Iterator[AudienceRow], message: Content) -> Iterator[AudienceRow]:
    """Yield the rows; the first ones are checked for variables in the marks of other tools.

    :raises TemplateError: the message has such a placeholder.
    """
    first = list(islice(rows, CHECKED_ROWS))
    check_placeholders(message, {name for row in first for name in row.all_variables})
    yield from chain(first, rows)


def _count(found: _Counts, classified: ClassifiedRows, seen: SeenNumbers, *, rows: int) -> None:
    new = seen.add(list(classified.sendable))
    found.skipped_by.update(str(message.reason) for message in classified.skipped)
    if duplicates := len(classified.sendable) - new:
        found.skipped_by[SkipReason.DUPLICATE] += duplicates
    found.missing.update(classified.missing)
    found.first += islice(classified.sendable.values(), SHOWN_MESSAGES - len(found.first))
    found.total += rows
    found.sendable += new


def _rendered(snapshot: BroadcastSnapshot, message: NewMessage) -> PreviewMessage:
    number, variables = message.number or "", json.loads(message.variables or "{}")
    rendered = snapshot.render(number=number, name=message.name, variables=variables)
    return PreviewMessage(number=number, name=message.name, text=rendered.text, content=rendered.content)


def _with_people(preview: Preview, reading: _Reading) -> PeoplePreview:
    """Return a preview with the people that were collected for it.

    :raises TypeError: none were.
    """
    collector, source = reading.collector, reading.source
    if collector is None:
        raise TypeError("no people were collected")

    def placed(found: PlacedMessage | None) -> PlacedPreview | None:
        return (
            None
            if found is None
            else PlacedPreview(place=found.place, **dict(_rendered(reading.snapshot, found.message)))
        )

    columns = describe_columns(getattr(source, "columns", None), collector.cells)
    return PeoplePreview(
        **dict(preview),
        chosen=placed(collector.chosen),
        **{kind: placed(collector.found(kind)) for kind in ("longest", "shortest", "emptiest")},
        listed=collector.listed,
        offered=collector.missing(preview.total),
        columns=[PreviewColumn(title=title, meanings=meanings, sample=cell) for title, meanings, cell in columns],
        reading=getattr(source, "reading", None),
        region=reading.region,
    )
