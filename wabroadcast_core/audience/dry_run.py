"""What a contact file would do to the contact book: read and judged as an import does it, nothing is stored."""

import time
from collections import Counter
from dataclasses import dataclass, field

from wabroadcast_core.audience.import_rows import Chunk, ContactReader
from wabroadcast_core.audience.imports import ImportOptions, Understood, open_import_source, understood
from wabroadcast_core.audience.seen_numbers import SeenNumbers, open_newcomers
from wabroadcast_core.context import Context
from wabroadcast_core.models.contact import SampleRow
from wabroadcast_core.store import contacts as contact_store
from wabroadcast_core.store.imports import Rejection

SAMPLES = 5


@dataclass(slots=True)
class DryRun:
    """What was understood. ``whole``: of all rows; otherwise time was up."""

    whole: bool = True
    rows: int = 0
    created: int = 0
    updated: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    rejections: list[Rejection] = field(default_factory=list)
    samples: list[SampleRow] = field(default_factory=list)
    understood: Understood = field(default_factory=Understood)


def try_import(context: Context, upload_id: str, options: ImportOptions, *, seconds: float, shown: int) -> DryRun:
    """Say what an import would do, of as many rows as ``seconds`` allow.

    :param shown: how many rejections are kept.
    :raises FileError: :raises InvalidInputError: :raises NotFoundError: it would fail.
    """
    deadline = time.monotonic() + seconds
    source = open_import_source(context, upload_id, options)
    found = DryRun()
    judge = ContactReader(region=options.region, tags=options.tags)
    with open_newcomers() as newcomers:
        for chunk in judge.chunks(source.read(), first=1, size=context.settings.prepare_chunk):
            _count(context, found, chunk, newcomers)
            found.rejections += chunk.rejections[: shown - len(found.rejections)]
            found.samples += _samples(chunk)[: SAMPLES - len(found.samples)]
            if time.monotonic() > deadline:
                found.whole = False
                break
    found.understood = understood(source) or found.understood
    return found


def _count(context: Context, found: DryRun, chunk: Chunk, newcomers: SeenNumbers) -> None:
    numbers = list(chunk.people)
    with context.database.read() as conn:
        known = contact_store.ids_of(conn, numbers)
    created = newcomers.add([number for number in numbers if number not in known])
    found.rows += chunk.rows
    found.created += created
    found.updated += chunk.rows - len(chunk.rejections) - created
    found.reasons.update(reason for _, _, reason, _ in chunk.rejections)


def _samples(chunk: Chunk) -> list[SampleRow]:
    return [
        SampleRow(number=person.number, name=person.name, tags=list(person.tags), variables=person.variables)
        for person in list(chunk.people.values())[:SAMPLES]
    ]
