"""A contact file into the contact book: read, judge, store, chunk by chunk.

Each chunk is one transaction that also moves the mark of how far the file was read. So a crash costs the chunk in
hand, the next reader goes on at the mark, and two readers at once cannot both move it.
"""

import dataclasses
import logging
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from itertools import islice
from typing import TypedDict, Unpack

import phonenumbers
import redis
from pydantic import Field, ValidationError
from sqlalchemy import Connection, RowMapping

from wabroadcast_core.audience.columns import Columns
from wabroadcast_core.audience.files import file_kind
from wabroadcast_core.audience.import_rows import Chunk, ContactReader
from wabroadcast_core.audience.locks import held_alone
from wabroadcast_core.audience.sources import source_context
from wabroadcast_core.context import Context
from wabroadcast_core.errors import BroadcastError, Fault, InvalidInputError, UnavailableError
from wabroadcast_core.hookspecs import ContactSource
from wabroadcast_core.models.base import Model, faults_of
from wabroadcast_core.models.contact import LONGEST_TAG, ImportStatus, Reading, split_tags
from wabroadcast_core.store import contacts as contact_store
from wabroadcast_core.store import imports as import_store
from wabroadcast_core.store.uploads import open_upload

log = logging.getLogger(__name__)

_HEAD = 8


class Understood(Model):
    """What a file was understood as."""

    columns: dict[str, str] = Field(default_factory=dict)
    titles: list[str] = Field(default_factory=list)
    """The header in the order of the file, to hand rows back under it."""
    reading: Reading | None = None


class ReadingChoices(TypedDict, total=False):
    """How a file is to be read, where it would be understood otherwise. None chooses nothing."""

    mapping: Mapping[str, str] | None  # column (header or place) to its meaning
    region: str | None  # the country of numbers that name none
    sheet: str | int | None  # of a workbook: its name, or its place from 1
    delimiter: str | None  # of a text file
    encoding: str | None  # of a text file


class ImportOptions(Model):
    """How a file is read, and once it was begun, what it was understood as."""

    tags: list[str] = Field(default_factory=list)
    mapping: dict[str, str] = Field(default_factory=dict)
    region: str
    sheet: str | int | None = None
    delimiter: str | None = None
    encoding: str | None = None
    understood: Understood | None = None


def import_options(context: Context, *, tags: Iterable[str] = (), **choices: Unpack[ReadingChoices]) -> ImportOptions:
    """The options as an operator gives them. :raises InvalidInputError: one does not fit."""
    if unknown := choices.keys() - ReadingChoices.__annotations__.keys():
        raise TypeError(f"there is no option {min(unknown)!r}")
    cleaned = list(dict.fromkeys(tag for text in tags for tag in split_tags(text)))
    country = (choices.get("region") or context.settings.default_region).upper()
    faults = []
    if any(len(tag) > LONGEST_TAG for tag in cleaned):
        faults.append(Fault("tags", f"a tag is longer than {LONGEST_TAG} characters"))
    if not phonenumbers.country_code_for_region(country):
        faults.append(Fault("region", f"no country is called {country!r}: two letters, as in ID"))
    if faults:
        raise InvalidInputError(faults)
    return ImportOptions(
        tags=cleaned,
        mapping=dict(choices.get("mapping") or {}),
        region=country,
        sheet=choices.get("sheet"),
        delimiter=choices.get("delimiter"),
        encoding=choices.get("encoding"),
    )


def run_import(context: Context, import_id: str, *, is_stopped: Callable[[], bool] = bool) -> None:
    """Read a contact file into the book, from where it was left; may be called at any time, twice as well.

    :param is_stopped: whether to leave the rest to somebody else; asked between two chunks.
    """
    key, seconds = context.keys.importing(import_id), context.settings.lease_seconds
    with ExitStack() as lock:
        try:
            mine = lock.enter_context(held_alone(context.redis, key, seconds=seconds))
        except redis.RedisError as error:
            log.warning("an import goes on without a lock (%s)", type(error).__name__)
            mine = True  # the mark alone keeps two readers apart
        if mine:
            _Import(context, import_id, is_stopped=is_stopped).run()


def open_import_source(context: Context, upload_id: str, options: ImportOptions) -> ContactSource:
    """The contact source that reads an upload, chosen by what the file holds.

    :raises NotFoundError: there is no such upload. :raises InvalidInputError: an option does not fit.
    """
    with open_upload(context.database, upload_id) as file:
        kind = context.plugins.contact_source(file_kind(file.read(_HEAD)))
    chosen = options.model_dump(include={"sheet", "delimiter", "encoding"}, exclude_none=True)
    if foreign := [name for name in chosen if name not in kind.Settings.model_fields]:
        raise InvalidInputError([Fault(name, f"the file is of kind {kind.kind}, which has none") for name in foreign])
    try:
        settings = kind.Settings.model_validate({"uploadId": upload_id, "mapping": options.mapping, **chosen})
    except ValidationError as error:
        raise InvalidInputError(faults_of(error)) from error
    return kind(settings, dataclasses.replace(source_context(context), region=options.region))


def understood(source: ContactSource) -> Understood | None:
    """What a file was understood as; None where its source does not say, or did not begin to read."""
    columns: Columns | None = getattr(source, "columns", None)
    if columns is None:
        return None
    reading: Reading | None = getattr(source, "reading", None)
    return Understood(columns=columns.understood(), titles=columns.titles(), reading=reading)


class _Import:
    def __init__(self, context: Context, import_id: str, *, is_stopped: Callable[[], bool]) -> None:
        self._context = context
        self._id = import_id
        self._is_stopped = is_stopped
        self._done = 0

    def run(self) -> None:
        with self._context.database.write() as conn:
            row = import_store.begin_import(conn, self._id)
        if row is None:
            return
        self._done = row["rows"]
        try:
            if self._read_all(row):
                self._end(ImportStatus.DONE)
        except UnavailableError:
            raise  # recover takes it up again
        except BroadcastError as error:
            self._end(ImportStatus.FAILED, str(error))
        except Exception as error:
            log.exception("a contact file cannot be read")
            self._end(ImportStatus.FAILED, f"the file cannot be read: {type(error).__name__}")

    def _read_all(self, row: RowMapping) -> bool:
        """:returns: whether the file was read to its end."""
        options = ImportOptions.model_validate_json(row["options"])
        source = open_import_source(self._context, row["upload_id"], options)
        rows = iter(source.read())
        next(islice(rows, self._done, self._done), None)  # passes over what was taken before
        judge = ContactReader(region=options.region, tags=options.tags)
        for chunk in judge.chunks(rows, first=self._done + 1, size=self._context.settings.prepare_chunk):
            if self._is_stopped() or not self._store(chunk, row, options=self._new_options(options, source)):
                return False
            del chunk  # before the next one is made
        if (kept := self._new_options(options, source)) is not None:  # a header alone
            with self._context.database.write() as conn:
                import_store.keep_options(conn, self._id, kept)
        return True

    def _new_options(self, options: ImportOptions, source: ContactSource) -> str | None:
        """The options with what the file was understood as, once that is known."""
        if options.understood is not None:
            return None
        options.understood = understood(source)
        return None if options.understood is None else options.model_dump_json()

    def _store(self, chunk: "Chunk", row: RowMapping, *, options: str | None) -> bool:
        """Store a chunk and move the mark. :returns: whether to go on."""
        now, source = self._context.clock.now(), row["filename"] or "file"

        def transaction(conn: Connection) -> bool:
            if not import_store.move_mark(conn, self._id, present=self._done, rows=self._done + chunk.rows):
                return False
            created = contact_store.upsert_contacts(conn, list(chunk.people.values()), source=source, now=now)
            import_store.insert_rejections(conn, self._id, chunk.rejections)
            rejected = len(chunk.rejections)
            updated = chunk.rows - rejected - created
            import_store.count_rows(conn, self._id, created=created, updated=updated, rejected=rejected)
            if options is not None:
                import_store.keep_options(conn, self._id, options)
            return True

        moved = self._context.database.transact(transaction)
        if moved:
            self._done += chunk.rows
        return moved

    def _end(self, status: ImportStatus, reason: str | None = None) -> None:
        with self._context.database.write() as conn:
            now = self._context.clock.now()
            import_store.end_import(conn, self._id, present=self._done, status=status, reason=reason, now=now)
        log.info("import %s: %s after %d rows", self._id, status, self._done)


# --- judging ---------------------------------------------------------------------------------------------------
