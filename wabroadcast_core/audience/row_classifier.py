"""Classification of the rows of an audience: each becomes a message to send, or is skipped with a reason.

A preparation and a preview use the same classification.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from pydantic_core import to_json

from wabroadcast_core.audience.capabilities import SenderCapabilities, find_capabilities, longest_text
from wabroadcast_core.audience.consent import OTHER_ROW_SAYS_NO
from wabroadcast_core.audience.numbers import parse_number
from wabroadcast_core.context import Context
from wabroadcast_core.errors import NumberError
from wabroadcast_core.models.blacklist import DEFAULT_REASON
from wabroadcast_core.models.recipient import AudienceRow, RowFault, find_excess, is_blank, usual_length, without_blanks
from wabroadcast_core.models.slug import make_slug
from wabroadcast_core.models.status import MessageStatus, SkipReason
from wabroadcast_core.rendering.content import BadText, MissingVariable, Rendered
from wabroadcast_core.sentences import Sentence, pack_sentence, sentence_of, unpack_sentence
from wabroadcast_core.snapshots import BroadcastSnapshot
from wabroadcast_core.store import blacklist as blacklist_store
from wabroadcast_core.store import messages as message_store
from wabroadcast_core.store import reason_counts
from wabroadcast_core.store.claims import ANY_ROUTE
from wabroadcast_core.store.messages import message_key
from wabroadcast_core.store.new_messages import NewMessage

_OPTED_OUT = Sentence("opted_out", "opted out")  # as DEFAULT_REASON, which the blacklist has
_QUEUED: Final = MessageStatus.QUEUED.value  # a plain text takes less time to look up and to store than an enum
_SKIPPED: Final = MessageStatus.SKIPPED.value
LONGEST_RAW = 100  # characters that are stored of the text in the place of a number


@dataclass(slots=True)
class ClassifiedRows:
    """The messages of a chunk of rows: those to send, by number, and those that are skipped."""

    sendable: dict[str, NewMessage] = field(default_factory=dict)
    skipped: list[NewMessage] = field(default_factory=list)
    missing: Counter[str] = field(default_factory=Counter)
    """How many recipients lack a variable, by its name."""
    refused: set[str] = field(default_factory=set)
    """The numbers of people who say no in one of these rows."""


class RowClassifier:
    """Classifies the rows of one broadcast's audience.

    :param pool: the ids of the broadcast's connections.
    :param region: two letters; the country of numbers without a country code.
    :param senders: the capabilities of the pool, if they are known.
    :param on_rendered: called with the number, the row and the rendered message of each row that has one.
    """

    def __init__(
        self,
        context: Context,
        snapshot: BroadcastSnapshot,
        pool: Sequence[int],
        *,
        region: str,
        senders: Sequence[SenderCapabilities] | None = None,
        on_rendered: Callable[[str, AudienceRow, Rendered], None] | None = None,
    ) -> None:
        self._context = context
        self._snapshot = snapshot
        self._pool = pool
        if senders is None:
            senders, _ = find_capabilities(context, snapshot.draft.pool)
        self._longest_text = longest_text(senders, snapshot.draft.message)
        self._region = region
        self._on_rendered = on_rendered
        self._used = frozenset(map(make_slug, snapshot.content.variables))
        self._may_have_refused: bool | None = None  # whether anybody said no in an earlier chunk; None: not known yet

    def classify(self, chunk: Sequence[AudienceRow], *, first: int) -> ClassifiedRows:
        """Classify a chunk of rows: by number, text, blacklist and validators.

        :param first: the position of the first row in the audience, counted from 0.
        :raises PluginError: a blacklist plugin failed.
        """
        classified = ClassifiedRows()
        for position, row in enumerate(chunk, start=first):
            self._classify_row(classified, row, message_key(self._snapshot.id, position))
        self._skip(classified, dict.fromkeys(self._refused(classified), OTHER_ROW_SAYS_NO), SkipReason.NO_CONSENT)
        numbers = list(classified.sendable)
        self._skip(classified, self._blocked(numbers), SkipReason.BLACKLISTED)
        invalid = self._context.plugins.validate_numbers(numbers, connection=self._snapshot.draft.pool[0])
        self._skip(classified, invalid, SkipReason.INVALID_NUMBER)
        if self._snapshot.is_shared:
            self._route(classified)
        return classified

    def _classify_row(self, classified: ClassifiedRows, row: AudienceRow, key: int) -> None:
        is_usual = usual_length(row.variables) is not None
        fault = row.fault
        if fault is None and not is_usual and (excess := find_excess(row.variables)):
            fault = RowFault(excess)
        if fault is not None:
            self._skip_faulty(classified, row, key, fault)
            return
        row = _without_blanks(row, is_usual=is_usual)
        stored = row.variables
        if row.own and not self._used.isdisjoint(row.own):
            stored = stored | {name: value for name, value in row.own.items() if name in self._used}
        variables = to_json(stored).decode() if stored else None
        try:
            number = parse_number(row.number, region=self._region)
        except NumberError as error:
            classified.skipped.append(
                self._skipped_message(key, row.number, row.name, variables, SkipReason.INVALID_NUMBER, error.reason)
            )
            return
        if number in classified.sendable:
            classified.skipped.append(
                self._skipped_message(key, number, row.name, variables, SkipReason.DUPLICATE, None)
            )
            return
        self._render_row(classified, row, key, number=number, variables=variables)

    def _skip_faulty(self, classified: ClassifiedRows, row: AudienceRow, key: int, fault: RowFault) -> None:
        """Skip a row with a fault, under its number if that is valid, so that the person is found by it."""
        name = None if is_blank(row.name) else row.name
        detail: str = fault.reason
        try:
            number = parse_number(row.number, region=self._region)
        except NumberError:
            number = row.number
        else:
            if fault.code is SkipReason.NO_CONSENT:
                classified.refused.add(number)
        if fault.code is SkipReason.NO_CONSENT and fault.column is not None:
            said = detail if isinstance(detail, Sentence) else unpack_sentence(detail)  # of a copy it is a text
            detail = Sentence("fault_in_column", "{column}: {fault}", column=fault.column, fault=said)
        classified.skipped.append(self._skipped_message(key, number, name, None, fault.code, detail))

    def _refused(self, classified: ClassifiedRows) -> frozenset[str]:
        """Return the numbers to send to of people who say no in another row of the audience read so far."""
        numbers = classified.sendable.keys()
        refused = classified.refused & numbers
        if self._may_have_refused is not False:
            with self._context.database.read() as conn:
                if SkipReason.NO_CONSENT in reason_counts.skips_of(conn, self._snapshot.id):
                    refused |= message_store.refused_numbers(conn, self._snapshot.id, list(numbers))
                    self._may_have_refused = True
        self._may_have_refused = bool(self._may_have_refused or classified.refused)
        return frozenset(refused)

    def _render_row(
        self, classified: ClassifiedRows, row: AudienceRow, key: int, *, number: str, variables: str | None
    ) -> None:
        """Render the text of a row, so that what it lacks is known before anything is sent.

        :param number: of the row, in E.164.
        :param variables: of the row, as they are stored.
        """
        try:
            rendered = self._snapshot.render(number=number, name=row.name, variables=row.all_variables)
            self._check_length(rendered)
        except MissingVariable as error:
            classified.missing[error.name] += 1
            classified.skipped.append(
                self._skipped_message(key, number, row.name, variables, SkipReason.MISSING_VARIABLE, sentence_of(error))
            )
        except BadText as error:
            classified.skipped.append(
                self._skipped_message(key, number, row.name, variables, SkipReason.BAD_TEXT, sentence_of(error))
            )
        else:
            if self._on_rendered is not None:
                self._on_rendered(number, row, rendered)
            classified.sendable[number] = NewMessage(
                key,
                self._snapshot.id,
                0,
                ANY_ROUTE,
                _QUEUED,
                number,
                None,
                row.name,
                variables,
                None,
                None,
            )

    def _check_length(self, rendered: Rendered) -> None:
        """Check the length of a text against the senders of the pool: the template checks only the widest limit.

        :raises BadText: a sender of the pool cannot send a text of this length.
        """
        if self._longest_text is not None and len(rendered.text or "") > self._longest_text:
            text = "the rendered text is longer than the {most} characters that its connection can send"
            raise BadText(Sentence("text_too_long_for_connection", text, most=self._longest_text))

    def _skipped_message(
        self, key: int, raw: str, name: str | None, variables: str | None, reason: SkipReason, detail: str | None
    ) -> NewMessage:
        """Return the message of a row that is skipped, with its detail as it is stored."""
        shown, packed = raw[:LONGEST_RAW], detail and pack_sentence(detail)
        return NewMessage(key, self._snapshot.id, 0, ANY_ROUTE, _SKIPPED, None, shown, name, variables, reason, packed)

    def _blocked(self, numbers: Sequence[str]) -> dict[str, str]:
        only = self._pool[0] if len(self._pool) == 1 else blacklist_store.EVERY_CONNECTION
        with self._context.database.read() as conn:
            listed = blacklist_store.listed_reasons(conn, numbers, connection_id=only)
        listed = {number: _OPTED_OUT if why == DEFAULT_REASON else why for number, why in listed.items()}
        return {**listed, **self._context.plugins.blacklisted(numbers)}

    def _skip(self, classified: ClassifiedRows, reasons: Mapping[str, str], reason: SkipReason) -> None:
        for number, detail in reasons.items():
            message = classified.sendable.pop(number, None)
            if message is not None:
                classified.skipped.append(
                    self._skipped_message(message.id, number, message.name, message.variables, reason, detail)
                )

    def _route(self, classified: ClassifiedRows) -> None:
        """Route recipients of earlier messages through the connection of the pool that sent to them last."""
        with self._context.database.read() as conn:
            known = message_store.last_connections(conn, list(classified.sendable), among=self._pool)
        for number, connection_id in known.items():
            classified.sendable[number] = classified.sendable[number]._replace(route=connection_id)


def _without_blanks(row: AudienceRow, *, is_usual: bool) -> AudienceRow:
    """Return a row as a file would give it, whose empty cells are absent.

    :param is_usual: whether its variables have a :func:`usual_length`.
    """
    if is_usual and (row.name is None or not is_blank(row.name)):
        return row
    return replace(row, name=None if is_blank(row.name) else row.name, variables=without_blanks(row.variables))
