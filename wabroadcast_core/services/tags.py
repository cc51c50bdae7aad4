"""Tags, as operators see and change them: renamed, merged, deleted, put on many contacts and taken off them.

What may concern a million contacts goes in steps, a transaction each: nobody waits long, the counts of the tags are
true after each one, and what a crash leaves undone is done by asking again.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from wabroadcast_core.audience.numbers import parse_number
from wabroadcast_core.context import Context
from wabroadcast_core.errors import ConflictError, Fault, InvalidInputError, NotFoundError, NumberError
from wabroadcast_core.models.base import parse_model
from wabroadcast_core.models.contact import ContactFilter, Tagging, TaggingReport, TagPatch, TagView
from wabroadcast_core.store import contacts as contact_store
from wabroadcast_core.store import tags as tag_store

STEP = 5_000  # contacts in one transaction
MOST_FAULTS = 100


class Tags:
    """``broadcaster.tags``: what contacts are marked with."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def list(self) -> Sequence[TagView]:
        """All tags by name, each with how many contacts it has."""
        with self._context.database.read() as conn:
            return [TagView(name=name, contacts=amount) for name, amount in tag_store.list_tags(conn)]

    def rename(self, name: str, *, to: str) -> TagView:
        """Give a tag another name.

        :raises NotFoundError: no tag has this name.
        :raises ConflictError: the other name is taken: merge the tags instead.
        :raises InvalidInputError: the other name is empty or too long.
        """
        to = parse_model(TagPatch, {"name": to}).name

        def transaction(conn: Connection) -> TagView:
            if not tag_store.rename_tag(conn, name, to=to):
                raise NotFoundError("tag", name)
            return _view(conn, to)

        try:
            return self._context.database.transact(transaction)
        except IntegrityError:
            raise ConflictError(f"there is a tag {to!r} already: merge {name!r} into it instead") from None

    def merge(self, into: str, sources: Sequence[str]) -> TagView:
        """Let everyone with one of ``sources`` have ``into`` instead, and ``sources`` be gone.

        :raises NotFoundError: one of these tags is not there; nothing is changed.
        """
        names = [name for name in dict.fromkeys(sources) if name != into]
        with self._context.database.read() as conn:
            for name in (into, *names):
                _view(conn, name)
        for name in names:
            self._dissolve(name, into=into)
        with self._context.database.read() as conn:
            return _view(conn, into)

    def delete(self, name: str) -> None:
        """Take a tag off all its contacts, who stay. :raises NotFoundError: there is none."""
        with self._context.database.read() as conn:
            _view(conn, name)
        self._dissolve(name)

    def _dissolve(self, name: str, *, into: str | None = None) -> None:
        def step(conn: Connection) -> bool:
            return tag_store.dissolve_tag(conn, name, into=into, limit=STEP)

        while self._context.database.transact(step):
            pass

    # --- many contacts -----------------------------------------------------------------------------------------

    def tag_contacts(self, tagging: Tagging | Mapping[str, Any]) -> TaggingReport:
        """Put tags on contacts and take others off them.

        :raises InvalidInputError: some are no numbers; nothing is changed.
        """
        tagging = tagging if isinstance(tagging, Tagging) else parse_model(Tagging, tagging)
        report = TaggingReport(contacts=0, added=0, removed=0, unknown=0)
        steps = self._chosen(tagging.filter) if tagging.numbers is None else self._named(tagging.numbers)
        for numbers in steps:
            self._tag_some(numbers, tagging, report)
        return report

    def _tag_some(self, numbers: Sequence[str], tagging: Tagging, report: TaggingReport) -> None:
        def transaction(conn: Connection) -> tuple[int, int, int]:
            ids = contact_store.ids_of(conn, numbers).values()
            added = tag_store.add_tags(conn, {tuple(tagging.add): ids})
            return len(ids), added, tag_store.remove_tags(conn, tagging.remove, ids)

        known, added, removed = self._context.database.transact(transaction)
        report.contacts += known
        report.added += added
        report.removed += removed
        report.unknown += len(numbers) - known

    def _chosen(self, wanted: ContactFilter | None) -> Iterator[Sequence[str]]:
        tag, query = (None, None) if wanted is None else (wanted.tag, wanted.query)
        for page in contact_store.contact_pages(self._context.database, tag=tag, query=query):
            yield [row["number"] for row in page]

    def _named(self, numbers: Sequence[str]) -> Iterator[Sequence[str]]:
        named = iter(self._parsed(numbers))
        while step := list(islice(named, STEP)):
            yield step

    def _parsed(self, numbers: Sequence[str]) -> Sequence[str]:
        """In E.164, each once. :raises InvalidInputError: some are none."""
        parsed: dict[str, None] = {}
        faults: list[Fault] = []
        for place, number in enumerate(numbers):
            try:
                parsed[parse_number(number, region=self._context.settings.default_region)] = None
            except NumberError as error:
                faults.append(Fault(f"numbers.{place}", error.reason))
        if faults:
            raise InvalidInputError(faults[:MOST_FAULTS])
        return list(parsed)


def _view(conn: Connection, name: str) -> TagView:
    amount = tag_store.count_tag(conn, name)
    if amount is None:
        raise NotFoundError("tag", name)
    return TagView(name=name, contacts=amount)
