"""Use cases of tags: list, rename, merge, delete, and add to or remove from many contacts.

A change that may concern a million contacts is made in steps of one transaction each. So locks are short, the counts of
the tags are right after each step, and after a crash the same call completes the change.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from wabroadcast_core.audience.numbers import parse_number
from wabroadcast_core.context import Context
from wabroadcast_core.errors import ConflictError, Fault, InvalidInputError, NotFoundError, NumberError
from wabroadcast_core.models.activity import ActObject
from wabroadcast_core.models.base import DEFAULT_ACTOR, parse_model
from wabroadcast_core.models.contact import (
    ContactFilter,
    Tagging,
    TaggingReport,
    TagPatch,
    TagView,
    distinct_tags,
    fold_tag,
)
from wabroadcast_core.sentence_texts import say
from wabroadcast_core.sentences import Sentence
from wabroadcast_core.store import audit_log
from wabroadcast_core.store import contacts as contact_store
from wabroadcast_core.store import tags as tag_store

STEP = 5_000  # contacts in one transaction
MOST_FAULTS = 100


class Tags:
    """``broadcaster.tags``: the tags of contacts."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def list(self) -> Sequence[TagView]:
        """Return all tags in the order of their names, each with its number of contacts."""
        with self._context.database.read() as conn:
            return [TagView(name=name, contacts=amount) for name, amount in tag_store.list_tags(conn)]

    def rename(self, name: str, *, to: str, actor: str = DEFAULT_ACTOR) -> TagView:
        """Give a tag another name.

        :raises NotFoundError: no tag has this name.
        :raises ConflictError: another tag has the new name: merge the tags instead.
        :raises InvalidInputError: the new name is not valid.
        """
        to = parse_model(TagPatch, {"name": to}).name

        def transaction(conn: Connection) -> TagView:
            if not tag_store.rename_tag(conn, name, to=to):
                raise NotFoundError("tag", name)
            self._record(conn, "rename", name, actor=actor, detail=say("renamed", name=to))
            return _view(conn, to)

        try:
            return self._context.database.transact(transaction)
        except IntegrityError:
            raise ConflictError(f"the tag {to!r} exists already: merge {name!r} into it instead") from None

    def merge(self, into: str, sources: Sequence[str], *, actor: str = DEFAULT_ACTOR) -> TagView:
        """Give the tag ``into`` to all contacts of the tags ``sources``, then delete ``sources``.

        :returns: the tag ``into``.
        :raises NotFoundError: one of these tags does not exist; nothing is changed.
        """
        names = [name for name in distinct_tags(sources) if fold_tag(name) != fold_tag(into)]
        with self._context.database.read() as conn:
            for name in (into, *names):
                _view(conn, name)
        for name in names:
            self._dissolve(name, into=into)
        with self._context.database.write() as conn:
            self._record(conn, "merge", into, actor=actor, detail=", ".join(names))
            return _view(conn, into)

    def delete(self, name: str, *, actor: str = DEFAULT_ACTOR) -> None:
        """Delete a tag. Its contacts stay.

        :raises NotFoundError: no tag has this name.
        """
        with self._context.database.read() as conn:
            _view(conn, name)
        self._dissolve(name)
        with self._context.database.write() as conn:
            self._record(conn, "delete", name, actor=actor)

    def _record(
        self, conn: Connection, action: str, name: str | None, *, actor: str, detail: str | None = None
    ) -> None:
        now = self._context.clock.now()
        audit_log.record_action(
            conn, action=action, actor=actor, now=now, other=ActObject.TAG, object_id=name, detail=detail
        )

    def _dissolve(self, name: str, *, into: str | None = None) -> None:
        def step(conn: Connection) -> bool:
            return tag_store.dissolve_tag(conn, name, into=into, limit=STEP)

        while self._context.database.transact(step):
            pass

    # --- many contacts -----------------------------------------------------------------------------------------

    def tag_contacts(self, tagging: Tagging | Mapping[str, Any], *, actor: str = DEFAULT_ACTOR) -> TaggingReport:
        """Add tags to contacts and remove others.

        :raises InvalidInputError: a field or some of the numbers are not valid; nothing is changed.
        """
        tagging = tagging if isinstance(tagging, Tagging) else parse_model(Tagging, tagging)
        report = TaggingReport(contacts=0, added=0, removed=0, unknown=0)
        steps = self._filtered(tagging.filter) if tagging.numbers is None else self._listed(tagging.numbers)
        for numbers in steps:
            self._tag_step(numbers, tagging, report)
        with self._context.database.write() as conn:
            self._record(conn, "tag", None, actor=actor, detail=_changes(tagging, report.contacts))
        return report

    def _tag_step(self, numbers: Sequence[str], tagging: Tagging, report: TaggingReport) -> None:
        def transaction(conn: Connection) -> tuple[int, int, int]:
            ids = contact_store.ids_of(conn, numbers).values()
            added = tag_store.add_tags(conn, {tuple(tagging.add): ids})
            return len(ids), added, tag_store.remove_tags(conn, tagging.remove, ids)

        known, added, removed = self._context.database.transact(transaction)
        report.contacts += known
        report.added += added
        report.removed += removed
        report.unknown += len(numbers) - known

    def _filtered(self, selection: ContactFilter | None) -> Iterator[Sequence[str]]:
        tag, query = (None, None) if selection is None else (selection.tag, selection.query)
        for page in contact_store.contact_pages(self._context.database, tag=tag, query=query):
            yield [row["number"] for row in page]

    def _listed(self, numbers: Sequence[str]) -> Iterator[Sequence[str]]:
        parsed = iter(self._parse(numbers))
        while step := list(islice(parsed, STEP)):
            yield step

    def _parse(self, numbers: Sequence[str]) -> Sequence[str]:
        """Return the numbers in E.164, each once.

        :raises InvalidInputError: some are not valid.
        """
        parsed: dict[str, None] = {}
        faults: list[Fault] = []
        for index, number in enumerate(numbers):
            try:
                parsed[parse_number(number, region=self._context.settings.default_region)] = None
            except NumberError as error:
                faults.append(Fault(f"numbers.{index}", error.reason))
        if faults:
            raise InvalidInputError(faults[:MOST_FAULTS])
        return list(parsed)


def _changes(tagging: Tagging, contacts: int) -> Sentence:
    """Return what was done to contacts: tags were added, removed, or both."""
    if not tagging.remove:
        return say("tagged", n=contacts, added=tagging.add)
    if not tagging.add:
        return say("untagged", n=contacts, removed=tagging.remove)
    return say("retagged", n=contacts, added=tagging.add, removed=tagging.remove)


def _view(conn: Connection, name: str) -> TagView:
    found = tag_store.find_tag(conn, name)
    if found is None:
        raise NotFoundError("tag", name)
    return TagView(name=found[0], contacts=found[1])
