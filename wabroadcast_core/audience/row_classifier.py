"""What becomes of each row of an audience: a message to be sent, or a reason why not.

The same judgement serves a preparation and a preview.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pydantic_core import to_json

from wabroadcast_core.audience.capabilities import carriers_of, longest_text
from wabroadcast_core.audience.numbers import parse_number
from wabroadcast_core.context import Context
from wabroadcast_core.errors import NumberError
from wabroadcast_core.models.recipient import AudienceRow
from wabroadcast_core.models.status import MessageStatus, SkipReason
from wabroadcast_core.rendering.content import BadText, MissingVariable, Rendered
from wabroadcast_core.snapshots import BroadcastSnapshot
from wabroadcast_core.store import blacklist as blacklist_store
from wabroadcast_core.store import messages as message_store
from wabroadcast_core.store.claims import ANY_ROUTE
from wabroadcast_core.store.messages import NewMessage, message_key

LONGEST_RAW = 100  # characters kept of what stood in the place of a number


@dataclass(slots=True)
class ClassifiedRow:
    """A chunk on its way into the store: the messages of it that may be sent, by number, and the others."""

    good: dict[str, NewMessage] = field(default_factory=dict)
    bad: list[NewMessage] = field(default_factory=list)
    missing: Counter[str] = field(default_factory=Counter)
    """How many lack each variable."""


class RowClassifier:
    """Says of each row of an audience what becomes of it.

    :param pool: the ids of the broadcast's connections.
    """

    def __init__(self, context: Context, snapshot: BroadcastSnapshot, pool: Sequence[int]) -> None:
        self._context = context
        self._brief = snapshot
        self._pool = pool
        carriers, _ = carriers_of(context, snapshot.draft.pool)
        self._longest_text = longest_text(carriers, snapshot.draft.message)
        self._region = context.settings.default_region

    def judge(self, chunk: Sequence[AudienceRow], *, first: int) -> ClassifiedRow:
        judged = ClassifiedRow()
        for position, row in enumerate(chunk, start=first):
            self._judge_row(judged, row, message_key(self._brief.id, position))
        numbers = list(judged.good)
        self._skip(judged, self._blocked(numbers), SkipReason.BLACKLISTED)
        invalid = self._context.plugins.validate_numbers(numbers, connection=self._brief.draft.pool[0])
        self._skip(judged, invalid, SkipReason.INVALID_NUMBER)
        if self._brief.is_shared:
            self._route(judged)
        return judged

    def _judge_row(self, judged: ClassifiedRow, row: AudienceRow, key: int) -> None:
        variables = to_json(row.variables).decode() if row.variables else None
        if row.fault is not None:
            judged.bad.append(self._bad(key, row.number, None, None, SkipReason.INVALID_NUMBER, row.fault.reason))
            return
        try:
            number = parse_number(row.number, region=self._region)
        except NumberError as error:
            judged.bad.append(self._bad(key, row.number, row.name, variables, SkipReason.INVALID_NUMBER, error.reason))
            return
        if number in judged.good:
            judged.bad.append(self._bad(key, number, row.name, variables, SkipReason.DUPLICATE, None))
            return
        try:
            rendered = self._brief.content.render(number=number, name=row.name, variables=row.variables)
            self._check_length(rendered)
        except MissingVariable as error:
            judged.missing[error.name] += 1
            judged.bad.append(self._bad(key, number, row.name, variables, SkipReason.MISSING_VARIABLE, str(error)))
        except BadText as error:
            judged.bad.append(self._bad(key, number, row.name, variables, SkipReason.BAD_TEXT, str(error)))
        else:
            judged.good[number] = NewMessage(
                key, self._brief.id, 0, ANY_ROUTE, MessageStatus.QUEUED, number, None, row.name, variables, None, None
            )

    def _check_length(self, rendered: Rendered) -> None:
        """The renderer knows the widest limit only. :raises BadText: a sender of the pool takes less."""
        if self._longest_text is not None and len(rendered.text or "") > self._longest_text:
            raise BadText(f"longer than the {self._longest_text} characters that its connection takes")

    def _bad(
        self, key: int, raw: str, name: str | None, variables: str | None, reason: SkipReason, detail: str | None
    ) -> NewMessage:
        shown = raw[:LONGEST_RAW]
        return NewMessage(
            key, self._brief.id, 0, ANY_ROUTE, MessageStatus.SKIPPED, None, shown, name, variables, reason, detail
        )

    def _blocked(self, numbers: Sequence[str]) -> dict[str, str]:
        only = self._pool[0] if len(self._pool) == 1 else blacklist_store.EVERY_CONNECTION
        with self._context.database.read() as conn:
            listed = blacklist_store.listed_reasons(conn, numbers, connection_id=only)
        return {**listed, **self._context.plugins.blacklisted(numbers)}

    def _skip(self, judged: ClassifiedRow, reasons: Mapping[str, str], reason: SkipReason) -> None:
        for number, detail in reasons.items():
            message = judged.good.pop(number, None)
            if message is not None:
                judged.bad.append(self._bad(message.id, number, message.name, message.variables, reason, detail))

    def _route(self, judged: ClassifiedRow) -> None:
        """Whoever was reached through a connection of the pool before is sent to through the same one."""
        with self._context.database.read() as conn:
            known = message_store.last_connections(conn, list(judged.good), among=self._pool)
        for number, connection_id in known.items():
            judged.good[number] = judged.good[number]._replace(route=connection_id)
