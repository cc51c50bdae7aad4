"""One broadcast as a page shows it: its progress, its failures, its counts by minute and some of its people."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping

from wabroadcast_core.audience.numbers import normal_number
from wabroadcast_core.context import Context
from wabroadcast_core.errors import NumberError
from wabroadcast_core.models.base import as_utc, parse_model
from wabroadcast_core.models.broadcast import BroadcastDetail, BroadcastProgress
from wabroadcast_core.models.inspection import FailureGroup, Inspection, PeopleFilter
from wabroadcast_core.models.message import MessageView
from wabroadcast_core.models.page import CursorPage
from wabroadcast_core.models.reason import Reason
from wabroadcast_core.reasons.catalogue import DEFAULT_LANGUAGE, Catalogue
from wabroadcast_core.services.lookups import broadcast_row, message_key
from wabroadcast_core.services.message_views import views_with
from wabroadcast_core.services.progress import progress_with
from wabroadcast_core.services.rates import rates_of_run
from wabroadcast_core.services.views import detail_of
from wabroadcast_core.store import audit_log, message_search
from wabroadcast_core.store import broadcasts as broadcast_store
from wabroadcast_core.store import unknown as unknown_store
from wabroadcast_core.store.connections import connection_names
from wabroadcast_core.store.message_pages import search_page, words_of_failures
from wabroadcast_core.store.messages import MessageFilter, position_of
from wabroadcast_core.store.messages import message_key as key_at
from wabroadcast_core.waiting.causes import WaitingCauses
from wabroadcast_core.waiting.limits import ConnectionFacts


class InspectedBroadcasts(ABC):
    """The method of :class:`Broadcaster` for all that is shown of one broadcast. The broadcaster inherits it."""

    reasons: Catalogue

    @property
    @abstractmethod
    def context(self) -> Context:
        """The parts that the services share."""

    def inspect(
        self,
        job_id: str,
        people: PeopleFilter | Mapping[str, Any] | None = None,
        *,
        cursor: str | None = None,
        limit: int = 50,
        language: str = DEFAULT_LANGUAGE,
    ) -> Inspection:
        """Return a broadcast with its progress, failures, counts by period, and a page of its people.

        All is read in one transaction, so the numbers fit together. The cost does not grow with the audience: a search
        reads a part of it, and the next page goes on from there.

        :param people: which people.
        :param cursor: the ``next_cursor`` of the page before.
        :param limit: most people of the page.
        :param language: of the explanations of failures.
        :raises NotFoundError: no broadcast has this id, or the cursor is not a message of it.
        :raises InvalidInputError: the filter is not valid.
        """
        chosen = people if isinstance(people, PeopleFilter) else parse_model(PeopleFilter, people or {})
        with self.context.database.read() as conn:
            row = broadcast_row(conn, job_id)
            causes = WaitingCauses(self.context, conn)
            [progress] = progress_with(causes, conn, [row], now=self.context.clock.now())
            pool = causes.facts.pool(row)
            names = _connections_of(conn, row, pool, causes)
            page = _People(self.context, conn, row, causes, names).find(chosen, cursor=cursor, limit=limit)
            return Inspection(
                detail=_detail(conn, row, list(names.values()), progress),
                progress=progress,
                failures=self._failures(conn, row, pool, progress, language=language),
                unknown_since=_unknown_since(conn, row, pool),
                rates=rates_of_run(conn, row, now=self.context.clock.now(), connections=names),
                most_per_second=_most_per_second(causes, row, pool),
                people=page,
            )

    def _failures(
        self,
        conn: Connection,
        row: RowMapping,
        pool: Sequence[ConnectionFacts],
        progress: BroadcastProgress,
        *,
        language: str,
    ) -> list[FailureGroup]:
        """Return the failures by reason, explained by the catalogue of the sender, if the pool has one sender."""
        senders = {str(one.row["sender"]) for one in pool}
        sender = senders.pop() if len(senders) == 1 else None
        explained = {code: self._explain(code, sender, language=language) for code in progress.failed_by}
        foreign = [code for code, reason in explained.items() if not reason.known]
        words = words_of_failures(conn, row["id"], foreign) if foreign else {}
        return [
            FailureGroup(code=code, messages=number, explanation=explained[code], words=words.get(code))
            for code, number in progress.failed_by.items()
        ]

    def _explain(self, code: str, sender: str | None, *, language: str) -> Reason:
        found = self.reasons.explain(code, language=language, sender=sender)
        return found if found.known or sender is None else self.reasons.explain(code, language=language)


def _detail(conn: Connection, row: RowMapping, pool: Sequence[str], progress: BroadcastProgress) -> BroadcastDetail:
    return detail_of(
        row,
        pool,
        skips=progress.skipped_by,
        failures=progress.failed_by,
        acts=audit_log.latest_actions_on(conn, row["id"]),
    )


def _connections_of(
    conn: Connection, row: RowMapping, pool: Sequence[ConnectionFacts], causes: WaitingCauses
) -> dict[int, str]:
    """Return the names of the connections of a broadcast by their ids, deleted ones included."""
    if len(pool) == len(causes.facts.draft(row).pool):
        return {one.row["id"]: one.name for one in pool}
    names, wanted = connection_names(conn), broadcast_store.pools_of(conn, [row["id"]])[row["id"]]
    return {key: name for key, name in sorted(names.items()) if name in wanted}


def _most_per_second(causes: WaitingCauses, row: RowMapping, pool: Sequence[ConnectionFacts]) -> float | None:
    rates = [one.limits.rate.per_second for one in pool if one.limits.rate is not None]
    of_pool = sum(rates) if rates and len(rates) == len(pool) else None
    own = causes.facts.draft(row).rate
    known = [of_pool, None if own is None else own.per_second]
    return min((most for most in known if most is not None), default=None)


def _unknown_since(conn: Connection, row: RowMapping, pool: Sequence[ConnectionFacts]) -> datetime | None:
    if not row["unknown"]:
        return None
    return as_utc(unknown_store.unknown_since(conn, row["id"], connection_ids=[one.row["id"] for one in pool]))


class _People:
    """Finds the people of one broadcast.

    :param row: the broadcast, from the table ``broadcasts``.
    :param names: the names of connections by their ids.
    """

    def __init__(
        self, context: Context, conn: Connection, row: RowMapping, causes: WaitingCauses, names: Mapping[int, str]
    ) -> None:
        self._region = context.settings.default_region
        self._conn = conn
        self._row = row
        self._causes = causes
        self._names = names

    def find(self, chosen: PeopleFilter, *, cursor: str | None, limit: int) -> CursorPage[MessageView]:
        """Return a page of people. A whole number is found by its index, whatever the size of the audience."""
        after = None if cursor is None else message_key(self._row, cursor)
        if after is None and chosen.query and (whole := self._with_number(chosen, chosen.query, limit=limit)):
            return CursorPage(items=self._views(whole), next_cursor=None, page_size=limit)
        fields = {name: getattr(chosen, name) for name in PeopleFilter.model_fields}
        end = key_at(self._row["id"], self._row["prepared_rows"])
        rows, last = search_page(
            self._conn, MessageFilter(self._row["id"], **fields), after=after, end=end, limit=limit
        )
        next_cursor = None if last is None else f"{self._row['job_id']}-{position_of(last)}"
        return CursorPage(items=self._views(rows), next_cursor=next_cursor, page_size=limit)

    def _with_number(self, chosen: PeopleFilter, query: str, *, limit: int) -> list[RowMapping]:
        try:
            number = normal_number(query, region=self._region)
        except NumberError:
            return []
        rows = message_search.messages_to(self._conn, number, broadcast_id=self._row["id"], limit=limit)
        return [row for row in rows if _fits(chosen, row)]

    def _views(self, rows: Sequence[RowMapping]) -> list[MessageView]:
        return views_with(self._causes, rows, {self._row["id"]: self._row}, connections=self._names)


def _fits(chosen: PeopleFilter, row: RowMapping) -> bool:
    return (
        chosen.status in {None, row["status"]}
        and chosen.reason in {None, row["reason"]}
        and (chosen.receipt is None or row[f"{chosen.receipt}_at"] is not None)
    )
