"""A dry run of an import: the contact file is read and checked as an import does it, and nothing is stored."""

import json
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice

from wabroadcast_core.audience.import_rows import ContactChunk, ContactReader
from wabroadcast_core.audience.imports import ImportOptions, Understood, open_import_source, understood
from wabroadcast_core.audience.seen_numbers import SeenNumbers, open_seen_numbers
from wabroadcast_core.audience.sources import ReadingEnd
from wabroadcast_core.context import Context
from wabroadcast_core.models.contact import FileRow, SampleRow
from wabroadcast_core.models.recipient import AudienceRow
from wabroadcast_core.store import contacts as contact_store
from wabroadcast_core.store.imports import Rejection
from wabroadcast_core.store.sql import clean_text

SAMPLES = 5
SHOWN_CELLS = 100  # of a row
SHOWN_CHARACTERS = 200  # of a cell


@dataclass(slots=True)
class DryRun:
    """The result of a dry run."""

    whole: bool = True
    """Whether all rows were read; otherwise the time was over before."""
    rows: int = 0
    created: int = 0
    updated: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    rejections: list[Rejection] = field(default_factory=list)
    samples: list[SampleRow] = field(default_factory=list)
    first: list[FileRow] = field(default_factory=list)
    understood: Understood = field(default_factory=Understood)


def try_import(context: Context, upload_id: str, options: ImportOptions, *, seconds: float, shown: int) -> DryRun:
    """Return what an import would do.

    :param seconds: the time for reading; the rows after it are not read.
    :param shown: how many rejections the result contains at most.
    :raises FileError: the file cannot be read.
    :raises InvalidInputError: an option does not fit the file.
    :raises NotFoundError: there is no such upload.
    """
    deadline = time.monotonic() + seconds
    end = ReadingEnd(lambda: time.monotonic() > deadline)
    source = open_import_source(context, upload_id, options, is_over=end)
    found = DryRun()
    reader = ContactReader(region=options.region, tags=options.tags)
    with open_seen_numbers() as new_numbers:
        for chunk in reader.chunks(_keep_first(source.read(), found), first=1, size=context.settings.prepare_chunk):
            _count(context, found, chunk, new_numbers)
            found.rejections += chunk.rejections[: shown - len(found.rejections)]
            found.samples += _samples(chunk)[: SAMPLES - len(found.samples)]
            if end():
                break
    found.whole = not end.reached
    found.understood = understood(source) or found.understood
    return found


def _count(context: Context, found: DryRun, chunk: ContactChunk, new_numbers: SeenNumbers) -> None:
    numbers = list(chunk.contacts)
    with context.database.read() as conn:
        known = contact_store.ids_of(conn, numbers)
    created = new_numbers.add([number for number in numbers if number not in known])
    found.rows += chunk.rows
    found.created += created
    found.updated += chunk.rows - len(chunk.rejections) - created
    found.reasons.update(reason for _, _, reason, _ in chunk.rejections)


def _keep_first(rows: Iterable[AudienceRow], found: DryRun) -> Iterator[AudienceRow]:
    """Yield rows, and keep the first ones as the file has them."""
    for position, row in enumerate(rows, 1):
        if position <= SAMPLES:
            number = position if row.row is None else row.row
            found.first.append(
                FileRow(row=number, cells=_texts([row.number, row.name] if row.cells is None else row.cells))
            )
        yield row


def file_rows(found: DryRun) -> list[FileRow]:
    """Return the first rows of a dry run, then its first rejected ones, with their faults."""
    faulty = {
        row: FileRow(row=row, cells=_texts(json.loads(cells)), column=column, reason=reason)
        for row, column, reason, cells in found.rejections
    }
    first = [faulty.pop(row.row, row) for row in found.first]
    return [*first, *faulty.values()]


def _texts(cells: Iterable[object]) -> list[str]:
    """Return the beginnings of the first cells of a row, without half characters, which no answer can hold."""
    shown = ("" if cell is None else str(cell)[:SHOWN_CHARACTERS] for cell in islice(cells, SHOWN_CELLS))
    return [clean_text(text) for text in shown]


def _samples(chunk: ContactChunk) -> list[SampleRow]:
    return [
        SampleRow(number=contact.number, name=contact.name, tags=list(contact.tags), variables=contact.variables)
        for contact in list(chunk.contacts.values())[:SAMPLES]
    ]
