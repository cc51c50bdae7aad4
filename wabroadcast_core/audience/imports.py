"""Import of a contact file into the contact book: read, check and store it, chunk by chunk.

Each chunk is one transaction that also stores how many rows of the file were read. So a crash loses only the chunk in
progress, the next reader continues at the stored position, and of two readers at once only one can advance it.
"""

import dataclasses
import logging
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from itertools import islice
from typing import Annotated, Any, TypedDict, Unpack

import redis
from pydantic import Field, PlainSerializer, ValidationError, ValidatorFunctionWrapHandler, WrapValidator
from sqlalchemy import Connection, RowMapping

from wabroadcast_core.audience.columns import Columns
from wabroadcast_core.audience.files import file_kind
from wabroadcast_core.audience.import_rows import ContactChunk, ContactReader
from wabroadcast_core.audience.locks import exclusive_lock
from wabroadcast_core.audience.regions import check_region
from wabroadcast_core.audience.sources import ReadingEnd, notes_on, source_context
from wabroadcast_core.context import Context
from wabroadcast_core.errors import BroadcastError, Fault, InvalidInputError, UnavailableError
from wabroadcast_core.hookspecs import ContactSource
from wabroadcast_core.models.base import Model, faults_of
from wabroadcast_core.models.contact import LONGEST_TAG, MOST_TAGS, ImportStatus, Reading, distinct_tags, split_tags
from wabroadcast_core.sentences import Sentence, pack_sentence, sentence_of, unpack_sentence
from wabroadcast_core.store import contacts as contact_store
from wabroadcast_core.store import imports as import_store
from wabroadcast_core.store.sql import clean_text
from wabroadcast_core.store.uploads import open_upload

log = logging.getLogger(__name__)

_HEAD_BYTES = 8  # enough to detect the kind of a file


def _unpacked(value: Any, check: ValidatorFunctionWrapHandler) -> str:
    return value if isinstance(value, Sentence) else unpack_sentence(check(value))


StoredText = Annotated[str, WrapValidator(_unpacked), PlainSerializer(pack_sentence)]
"""A text that keeps its code and values in the store, if it is a sentence."""


class Understood(Model):
    """How a file was read: the meanings of its columns, its header, and the reading of its source."""

    columns: dict[StoredText, str] = Field(default_factory=dict)
    titles: list[str] = Field(default_factory=list)
    """The header in the order of the file, for the file of rejected rows."""
    reading: Reading | None = None
    notes: list[StoredText] = Field(default_factory=list)


class ReadingChoices(TypedDict, total=False):
    """How an operator wants a file to be read. What is absent or None is detected."""

    mapping: Mapping[str, str] | None  # the meaning by column: its header, or its position from 1
    region: str | None  # the country of numbers without a country code
    sheet: str | int | None  # of a workbook: its name, or its position from 1
    delimiter: str | None  # of a text file
    encoding: str | None  # of a text file


class ImportOptions(Model):
    """How a file is to be read, and after its first chunk, how it was read."""

    tags: list[str] = Field(default_factory=list)
    mapping: dict[str, str] = Field(default_factory=dict)
    region: str
    sheet: str | int | None = None
    delimiter: str | None = None
    encoding: str | None = None
    understood: Understood | None = None


def import_options(context: Context, *, tags: Iterable[str] = (), **choices: Unpack[ReadingChoices]) -> ImportOptions:
    """Check and return the options that an operator gives.

    :param tags: tags that each contact gets; a text may contain several.
    :raises InvalidInputError: a tag is too long, or the region is not a country.
    """
    if unknown := choices.keys() - ReadingChoices.__annotations__.keys():
        raise TypeError(f"unknown option {min(unknown)!r}")
    cleaned = distinct_tags(tag for text in tags for tag in split_tags(text))
    country = choices.get("region") or context.settings.default_region
    faults = []
    if any(len(tag) > LONGEST_TAG for tag in cleaned):
        faults.append(Fault("tags", Sentence("long_tag", "a tag is longer than {most} characters", most=LONGEST_TAG)))
    if len(cleaned) > MOST_TAGS:
        text = "there are {n} tags: give at most {most}"
        faults.append(Fault("tags", Sentence("many_tags", text, n=len(cleaned), most=MOST_TAGS)))
    try:
        country = check_region(country)
    except ValueError as error:
        faults.append(Fault("region", sentence_of(error)))
    if faults:
        raise InvalidInputError(faults)
    return ImportOptions(
        tags=cleaned,
        mapping={clean_text(key): clean_text(role) for key, role in (choices.get("mapping") or {}).items()},
        region=country,
        sheet=choices.get("sheet"),
        delimiter=choices.get("delimiter"),
        encoding=choices.get("encoding"),
    )


def run_import(context: Context, import_id: str, *, is_stopped: Callable[[], bool] = bool) -> None:
    """Import a contact file from its stored position on. May be called at any time, also twice.

    :param is_stopped: called before each chunk is stored; if it returns true, the rest is left to another process.
    """
    key, seconds = context.keys.importing(import_id), context.settings.lease_seconds
    with ExitStack() as lock:
        try:
            locked = lock.enter_context(exclusive_lock(context.redis, key, seconds=seconds))
        except redis.RedisError as error:
            log.warning(
                "import %s continues without a lock, Redis cannot be reached (%s)", import_id, type(error).__name__
            )
            locked = True  # the stored position alone prevents that two readers store the same rows
        if locked:
            _Import(context, import_id, is_stopped=is_stopped).run()


def open_import_source(
    context: Context, upload_id: str, options: ImportOptions, *, is_over: Callable[[], bool] = bool
) -> ContactSource:
    """Create the contact source that reads an upload, chosen by the content of the file.

    :param is_over: ends its reading; see :attr:`SourceContext.is_over`.
    :raises NotFoundError: there is no such upload.
    :raises InvalidInputError: an option is invalid, or is not one of this kind of file.
    """
    with open_upload(context.database, upload_id) as file:
        kind = context.plugins.contact_source(file_kind(file.read(_HEAD_BYTES)))
    chosen = options.model_dump(include={"sheet", "delimiter", "encoding"}, exclude_none=True)
    if unsupported := [name for name in chosen if name not in kind.Settings.model_fields]:
        text = "a file of kind {kind} has no {name}: leave it out"
        raise InvalidInputError(
            [Fault(name, Sentence("no_such_choice", text, kind=kind.kind, name=name)) for name in unsupported]
        )
    try:
        settings = kind.Settings.model_validate({"uploadId": upload_id, "mapping": options.mapping, **chosen})
    except ValidationError as error:
        raise InvalidInputError(faults_of(error)) from error
    return kind(settings, dataclasses.replace(source_context(context, is_over=is_over), region=options.region))


def understood(source: ContactSource) -> Understood | None:
    """Return how a source reads its file; None if the source does not report it, or has not read its first row."""
    columns: Columns | None = getattr(source, "columns", None)
    if columns is None:
        return None
    reading: Reading | None = getattr(source, "reading", None)
    return Understood(columns=columns.understood(), titles=columns.titles(), reading=reading, notes=notes_on(source))


class _Import:
    """One run of one import."""

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
            raise  # recover continues the import
        except BroadcastError as error:
            self._end(ImportStatus.FAILED, sentence_of(error))
        except Exception as error:
            log.exception("import %s failed: its file cannot be read", self._id)
            text = "the file cannot be read: {error}"
            self._end(ImportStatus.FAILED, Sentence("file_unreadable", text, error=type(error).__name__))

    def _read_all(self, row: RowMapping) -> bool:
        """Read and store the rest of the file.

        :returns: whether it was read to its end.
        """
        options = ImportOptions.model_validate_json(row["options"])
        end = ReadingEnd(self._is_stopped)
        source = open_import_source(self._context, row["upload_id"], options, is_over=end)
        rows = iter(source.read())
        next(islice(rows, self._done, self._done), None)  # skips the rows that were stored before
        reader = ContactReader(region=options.region, tags=options.tags)
        for chunk in reader.chunks(rows, first=self._done + 1, size=self._context.settings.prepare_chunk):
            if self._is_stopped() or not self._store(chunk, row, options=self._new_options(options, source)):
                return False
            del chunk  # frees its memory before the next one is read
        if end.reached:
            return False
        if (new_options := self._new_options(options, source)) is not None:  # a header only, or a late note
            with self._context.database.write() as conn:
                import_store.keep_options(conn, self._id, new_options)
        return True

    def _new_options(self, options: ImportOptions, source: ContactSource) -> str | None:
        """Return the options with how the file is read, as far as that is known; None if nothing of it is new."""
        known, options.understood = options.understood, understood(source) or options.understood
        return None if options.understood == known else options.model_dump_json()

    def _store(self, chunk: ContactChunk, row: RowMapping, *, options: str | None) -> bool:
        """Store a chunk and the new position.

        :returns: whether to continue; false if another reader has advanced the position.
        """
        now, source = self._context.clock.now(), row["filename"] or "file"

        def transaction(conn: Connection) -> bool:
            if not import_store.move_mark(conn, self._id, present=self._done, rows=self._done + chunk.rows):
                return False
            created = contact_store.upsert_contacts(conn, list(chunk.contacts.values()), source=source, now=now)
            import_store.insert_rejections(conn, self._id, chunk.rejections)
            rejected = len(chunk.rejections)
            updated = chunk.rows - rejected - created
            import_store.count_rows(conn, self._id, created=created, updated=updated, rejected=rejected)
            if options is not None:
                import_store.keep_options(conn, self._id, options)
            return True

        stored = self._context.database.transact(transaction)
        if stored:
            self._done += chunk.rows
        return stored

    def _end(self, status: ImportStatus, reason: str | None = None) -> None:
        with self._context.database.write() as conn:
            now = self._context.clock.now()
            import_store.end_import(conn, self._id, present=self._done, status=status, reason=reason, now=now)
        log.info("import %s: %s after %d rows", self._id, status, self._done)
