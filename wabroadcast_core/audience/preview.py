"""What a broadcast would do: its audience read and judged as a preparation does it, nothing stored, nothing sent."""

import json
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from pydantic import ValidationError

from wabroadcast_core.audience.capabilities import carriers_of
from wabroadcast_core.audience.row_classifier import ClassifiedRow, RowClassifier
from wabroadcast_core.audience.seen_numbers import SeenNumbers, open_newcomers
from wabroadcast_core.audience.sources import open_source
from wabroadcast_core.audience.submission import AnyRecipient, Submission
from wabroadcast_core.context import Context
from wabroadcast_core.errors import InvalidInputError
from wabroadcast_core.models.base import as_timestamp, as_utc, faults_of, parse_model
from wabroadcast_core.models.broadcast import BroadcastDraft
from wabroadcast_core.models.preview import CarrierLimits, Preview, PreviewMessage
from wabroadcast_core.models.recipient import AudienceRow, Recipient
from wabroadcast_core.models.status import SkipReason
from wabroadcast_core.pacing.forecast import forecast
from wabroadcast_core.rendering.content import compile_content
from wabroadcast_core.snapshots import BroadcastSnapshot, ConnectionSnapshot
from wabroadcast_core.store import connections as connection_store
from wabroadcast_core.store.messages import NewMessage

SHOWN_MESSAGES = 3


@dataclass(slots=True)
class _Found:
    complete: bool = True
    total: int = 0
    sendable: int = 0
    skipped_by: Counter[str] = field(default_factory=Counter)
    missing: Counter[str] = field(default_factory=Counter)
    first: list[NewMessage] = field(default_factory=list)


class Previewing:
    def __init__(self, context: Context, submission: Submission) -> None:
        self._context = context
        self._submission = submission

    def preview(
        self,
        draft: BroadcastDraft | Mapping[str, Any],
        recipients: Iterable[AnyRecipient] | None,
        *,
        seconds: float,
    ) -> Preview:
        """Say what a submit of this would do, of as much of the audience as ``seconds`` allow.

        :raises InvalidInputError: :raises TemplateError: it would be refused.
        :raises SourceError: :raises FileError: its audience cannot be read.
        """
        draft = draft if isinstance(draft, BroadcastDraft) else parse_model(BroadcastDraft, draft)
        pool = self._submission.check(draft, has_recipients=recipients is not None)
        draft = draft.model_copy(update={"connection": list(pool)})
        snapshot = BroadcastSnapshot(0, "preview", draft, compile_content(draft.message))
        rows = self._rows(draft) if recipients is None else _inline_rows(recipients)
        found = self._judge_all(RowClassifier(self._context, snapshot, list(pool.values())), rows, seconds=seconds)
        return self._report(snapshot, found)

    def _rows(self, draft: BroadcastDraft) -> Iterator[AudienceRow]:
        return iter(open_source(self._context, draft.source or {}).read())

    def _judge_all(self, judge: RowClassifier, rows: Iterator[AudienceRow], *, seconds: float) -> _Found:
        deadline = time.monotonic() + seconds
        found = _Found()
        with open_newcomers() as newcomers:
            while chunk := list(islice(rows, self._context.settings.prepare_chunk)):
                _count(found, judge.judge(chunk, first=found.total), newcomers, rows=len(chunk))
                if time.monotonic() > deadline:
                    found.complete = next(rows, None) is None
                    break
        return found

    def _report(self, snapshot: BroadcastSnapshot, found: _Found) -> Preview:
        now = self._context.clock.now()
        starts_at = max(now, as_timestamp(snapshot.draft.scheduled_at) or now)
        finishes_at = (
            self._forecast(snapshot.draft, found.sendable, starts_at) if found.complete and found.sendable else None
        )
        return Preview(
            complete=found.complete,
            total=found.total,
            sendable=found.sendable,
            skipped=found.total - found.sendable,
            skipped_by=dict(found.skipped_by.most_common()),
            missing_variables=dict(found.missing.most_common()),
            variables=sorted(snapshot.content.variables),
            messages=[_rendered(snapshot, message) for message in found.first],
            limits=self._limits(snapshot.draft),
            starts_at=as_utc(starts_at),
            finishes_at=as_utc(finishes_at),
        )

    def _forecast(self, draft: BroadcastDraft, amount: int, starts_at: float) -> float | None:
        with self._context.database.read() as conn:
            rows = connection_store.find_connections(conn, draft.pool)
        limits = [ConnectionSnapshot.of(row, now=starts_at).limits for row in rows]
        return forecast(amount, limits, draft, start=starts_at, default_zone=self._context.settings.timezone)

    def _limits(self, draft: BroadcastDraft) -> list[CarrierLimits]:
        carriers, _ = carriers_of(self._context, draft.pool)
        return [
            CarrierLimits(
                connection=carrier.connection,
                sender=carrier.kind,
                text_length=carrier.longest_text(draft.message),
                media_bytes=carrier.can.media_bytes.get(draft.message.type),
            )
            for carrier in carriers
        ]


def _count(found: _Found, judged: ClassifiedRow, newcomers: SeenNumbers, *, rows: int) -> None:
    fresh = newcomers.add(list(judged.good))
    found.skipped_by.update(str(message.reason) for message in judged.bad)
    if repeated := len(judged.good) - fresh:
        found.skipped_by[SkipReason.DUPLICATE] += repeated
    found.missing.update(judged.missing)
    found.first += islice(judged.good.values(), SHOWN_MESSAGES - len(found.first))
    found.total += rows
    found.sendable += fresh


def _rendered(snapshot: BroadcastSnapshot, message: NewMessage) -> PreviewMessage:
    number, variables = message.number or "", json.loads(message.variables or "{}")
    rendered = snapshot.content.render(number=number, name=message.name, variables=variables)
    return PreviewMessage(number=number, name=message.name, text=rendered.text, content=rendered.content)


def _inline_rows(recipients: Iterable[AnyRecipient]) -> Iterator[AudienceRow]:
    """:raises InvalidInputError: a recipient does not fit."""
    for place, item in enumerate(recipients):
        try:
            recipient = item if isinstance(item, Recipient) else Recipient.model_validate(item)
        except ValidationError as error:
            raise InvalidInputError(faults_of(error, prefix=f"recipients.{place}")) from error
        yield AudienceRow(recipient.number, recipient.name, recipient.variables, place + 1)
