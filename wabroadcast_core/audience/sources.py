"""Opening contact sources: the plugin class, its settings, and the context that it gets."""

import functools
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from wabroadcast_core.audience.columns import Columns
from wabroadcast_core.audience.source_reader import SourceReader, source_failure
from wabroadcast_core.context import Context
from wabroadcast_core.errors import BroadcastError, Fault, InvalidInputError, SourceError
from wabroadcast_core.hookspecs import ChecksSettings, ContactSource, SourceContext
from wabroadcast_core.models.base import faults_of
from wabroadcast_core.plugins.time_limits import TimeLimitError, run_limited
from wabroadcast_core.sentences import Sentence, foreign
from wabroadcast_core.store.contacts import read_contacts
from wabroadcast_core.store.uploads import find_upload, open_upload

_SMALL_FILE = 1024 * 1024  # bytes; its columns are read while a submit waits
_COLUMNS_SECONDS = 5.0  # for that reading


class ReadingEnd:
    """A condition that ends the reading of an audience, and whether it did.

    :param is_over: returns whether the time is over, or the reading is stopped.
    """

    def __init__(self, is_over: Callable[[], bool]) -> None:
        self._is_over = is_over
        self.calls = 0
        """How often a source has asked; it asks while it works."""
        self.reached = False
        """Whether the source was asked to end, perhaps before its last row."""

    def __call__(self) -> bool:
        self.calls += 1
        self.reached = self.reached or self._is_over()
        return self.reached


def open_source(context: Context, source: Mapping[str, Any], *, is_over: Callable[[], bool] = bool) -> ContactSource:
    """Create the contact source that a broadcast's ``source`` names.

    :param is_over: ends its reading; see :attr:`SourceContext.is_over`.
    :raises NotFoundError: no plugin has a contact source of this type.
    :raises InvalidInputError: a field of ``source`` is invalid.
    :raises SourceError: the source hangs or fails.
    """
    fields = dict(source)
    kind = context.plugins.contact_source(fields.pop("type", ""))
    given, seconds = source_context(context, is_over=is_over), context.settings.plugin_seconds
    try:
        opened, faults = run_limited(
            lambda: _open(kind, fields, given),
            seconds=seconds,
            owner=_owner_of(kind.kind),
            threads=context.plugins.threads,
        )
    except ValidationError as error:
        raise InvalidInputError(_faults_of_settings(error, kind.kind)) from error
    except TimeLimitError as error:
        text = "the contact source {kind} cannot be opened: {error}"
        raise SourceError(Sentence("source_not_opened", text, kind=kind.kind, error=foreign(str(error)))) from error
    except BroadcastError:
        raise
    except Exception as error:
        raise source_failure(kind.kind, error) from error
    if faults:
        raise InvalidInputError([Fault(f"source.{fault.path}", fault.message) for fault in faults])
    return opened


def _faults_of_settings(error: ValidationError, kind: str) -> list[Fault]:
    """Return the faults of a source's fields; a file for a source that reads none is named as such."""
    faults = faults_of(error, prefix="source")
    if any(detail["type"] == "extra_forbidden" and detail["loc"] == ("uploadId",) for detail in error.errors()):
        text = "a source of the type {kind} reads no file: leave the file out"
        no_file = Fault("source.uploadId", Sentence("source_without_file", text, kind=kind))
        return [no_file, *(fault for fault in faults if fault.path != no_file.path)]
    return faults


def _open(
    kind: type[ContactSource], fields: Mapping[str, Any], given: SourceContext
) -> tuple[ContactSource, Sequence[Fault]]:
    """Create a contact source, and return it with the faults of its settings that it finds."""
    opened = kind(kind.Settings.model_validate(fields), given)
    return opened, opened.check_settings() if isinstance(opened, ChecksSettings) else ()


def read_source(
    context: Context, source: ContactSource, *, seconds: float, end: ReadingEnd | None = None
) -> SourceReader:
    """Begin to read a contact source.

    :param seconds: the longest time without a row, and without a question for the end.
    :param end: ends the reading; None if nothing does.
    """
    return SourceReader(
        source.read,
        kind=source.kind,
        seconds=seconds,
        signs_of_life=int if end is None else lambda: end.calls,
        threads=context.plugins.threads,
        owner=_owner_of(source.kind),
    )


def _owner_of(kind: str) -> str:
    """Return the name by which the threads of a contact source are kept."""
    return f"source-{kind}"


def source_context(context: Context, *, is_over: Callable[[], bool] = bool) -> SourceContext:
    """Return the context that contact sources get from this process."""
    return SourceContext(
        open_upload=functools.partial(open_upload, context.database),
        read_contacts=functools.partial(read_contacts, context.database),
        queries=context.queries,
        region=context.settings.default_region,
        is_over=is_over,
        workbook_seconds=context.settings.workbook_seconds,
        workbook_megabytes=context.settings.workbook_megabytes,
    )


def region_of(source: ContactSource | None, *, default: str) -> str:
    """Return the country of a source's numbers without a country code.

    :param default: two letters; the region of a source that has none of its own.
    """
    region: str = getattr(source, "region", default)
    return region


def notes_on(source: ContactSource) -> list[str]:
    """Return what a user should know about an audience that was read, such as numbers of another country."""
    columns: Columns | None = getattr(source, "columns", None)
    return [*(columns.notes() if columns else ()), *getattr(source, "notes", ())]


def empty_reason(source: ContactSource) -> str:
    """Return why a broadcast with this source has no recipients, if its source yields none."""
    reason = getattr(source, "empty_reason", Sentence("source_empty", "its source has no recipients"))
    return Sentence("audience_empty", "the audience is empty: {reason}", reason=reason)


def file_variables(context: Context, source: Mapping[str, Any]) -> Sequence[str] | None:
    """Return the variables of an audience in a small file, by its columns; None for any other audience.

    It is None too for a file that cannot be read: the preparation of its broadcast reports the reason.
    """
    deadline = time.monotonic() + _COLUMNS_SECONDS
    opened = open_source(context, source, is_over=lambda: time.monotonic() > deadline)
    if not hasattr(opened, "columns") or not _is_small(context, source.get("uploadId")):
        return None
    try:
        with read_source(context, opened, seconds=context.settings.plugin_seconds) as reader:
            reader.take(1)
    except BroadcastError:
        return None
    return None if opened.columns is None else opened.columns.variable_names()


def _is_small(context: Context, upload_id: object) -> bool:
    if not isinstance(upload_id, str):
        return False
    with context.database.read() as conn:
        upload = find_upload(conn, upload_id)
    return upload is not None and upload["size"] <= _SMALL_FILE
