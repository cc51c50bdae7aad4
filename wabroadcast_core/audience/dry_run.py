"""A dry run of an import: the contact file is read and checked as an import does it, and nothing is stored."""

import time
from collections import Counter
from dataclasses import dataclass, field

from wabroadcast_core.audience.import_rows import ContactChunk, ContactReader
from wabroadcast_core.audience.imports import ImportOptions, Understood, open_import_source, understood
from wabroadcast_core.audience.seen_numbers import SeenNumbers, open_seen_numbers
from wabroadcast_core.audience.sources import ReadingEnd
from wabroadcast_core.context import Context
from wabroadcast_core.models.contact import SampleRow
from wabroadcast_core.store import contacts as contact_store
from wabroadcast_core.store.imports import Rejection

SAMPLES = 5


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
        for chunk in reader.chunks(source.read(), first=1, size=context.settings.prepare_chunk):
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


def _samples(chunk: ContactChunk) -> list[SampleRow]:
    return [
        SampleRow(number=contact.number, name=contact.name, tags=list(contact.tags), variables=contact.variables)
        for contact in list(chunk.contacts.values())[:SAMPLES]
    ]
